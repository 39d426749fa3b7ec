//! Extensions and modules that the shipped configuration does not have.

use std::fs;

use super::control::Control;
use super::switch::Switch;

/// What phones can dial besides: the shipped hook by any number, a leg to any phone, queues and
/// recordings.
const EXTENSIONS: &str = r#"
<extension name="any number through the hook">
  <condition field="destination_number" expression="^(?:\+4930555000|\*21#).*$"/>
  <condition field="${sip_h_X-Hook}" expression="^([\w-]+)$">
    <action application="execute_extension" data="$1 XML switchhook"/>
  </condition>
</extension>
<extension name="any phone">
  <condition field="destination_number" expression="^to-(\w+)-(\d+)$">
    <action application="set" data="hangup_after_bridge=true"/>
    <action application="bridge" data="sofia/internal/$1@127.0.0.1:$2"/>
  </condition>
</extension>
<extension name="one customer after another">
  <condition field="destination_number" expression="^row-(\d+)$">
    <action application="set" data="hangup_after_bridge=false"/>
    <action application="set" data="flow.callee_type=AGENT"/>
    <action application="answer"/>
    <action application="bridge" data="{flow.name=outbound,flow.key.leadid=lead-1}sofia/internal/customer1@127.0.0.1:$1"/>
    <action application="bridge" data="{flow.name=outbound,flow.key.leadid=lead-2}sofia/internal/customer2@127.0.0.1:$1"/>
    <action application="park"/>
  </condition>
</extension>
<extension name="waits">
  <condition field="destination_number" expression="^waits$">
    <action application="set" data="flow.name=outbound"/>
    <action application="answer"/>
    <action application="park"/>
  </condition>
</extension>
<extension name="recorded">
  <condition field="destination_number" expression="^recorded-(nowhere|twice)$">
    <action application="answer"/>
  </condition>
  <condition field="destination_number" expression="^recorded-nowhere$" break="never">
    <action application="record_session" data="/proc/switchhook/nowhere.wav"/>
  </condition>
  <condition field="destination_number" expression="^recorded-twice$" break="never">
    <action application="record_session" data="$${recordings_folder}/caller/talk.wav"/>
    <action application="record_session" data="$${recordings_folder}/callee/talk.wav"/>
  </condition>
  <condition>
    <action application="playback" data="tone_stream://%(60000,0,440)"/>
  </condition>
</extension>
<extension name="pushed">
  <condition field="destination_number" expression="^pushed$">
    <action application="push" data="flow.key.tags=red|"/>
    <action application="push" data="flow.key.tags=green"/>
    <action application="answer"/>
    <action application="playback" data="tone_stream://%(60000,0,440)"/>
  </condition>
</extension>
<extension name="queue">
  <condition field="destination_number" expression="^queue-(fifo|callcenter)$">
    <action application="set" data="flow.name=outbound"/>
    <action application="answer"/>
  </condition>
  <condition field="destination_number" expression="^queue-fifo$" break="never">
    <action application="fifo" data="shift in"/>
  </condition>
  <condition field="destination_number" expression="^queue-callcenter$" break="never">
    <action application="callcenter" data="support@default"/>
  </condition>
</extension>
<extension name="room">
  <condition field="destination_number" expression="^room$">
    <action application="set" data="flow.name=outbound"/>
    <action application="answer"/>
    <action application="conference" data="room"/>
  </condition>
</extension>
"#;

/// A line 0 on which the caller stays.
const LINES: &str = r#"
<extension name="stays">
  <condition field="destination_number" expression="^stays-line-0$">
    <action application="answer"/>
    <action application="endless_playback" data="silence_stream://-1"/>
  </condition>
</extension>
"#;

/// Configurations of the modules that the shipped one does not load.
const MODULES: &str = r#"<include>
<configuration name="fifo.conf"><settings/><fifos/></configuration>
<configuration name="callcenter.conf">
  <settings/>
  <queues>
    <queue name="support@default">
      <param name="strategy" value="longest-idle-agent"/>
      <param name="moh-sound" value="silence"/>
      <param name="time-base-score" value="system"/>
    </queue>
  </queues>
  <agents/>
  <tiers/>
</configuration>
<configuration name="conference.conf">
  <caller-controls/>
  <profiles>
    <profile name="default">
      <param name="rate" value="8000"/>
      <param name="interval" value="20"/>
      <param name="energy-level" value="100"/>
      <param name="comfort-noise" value="false"/>
    </profile>
  </profiles>
</configuration>
</include>
"#;

/// Adds the extensions to the switch's contexts `phones` and `flows`.
pub async fn add(switch: &Switch, control: &Control) {
    let before_all = "<!-- 0: a rising scale, it works. -->";
    insert(switch, "phones", before_all, EXTENSIONS);
    insert(switch, "flows", "<context name=\"flows\">", LINES);
    control.api("reloadxml").await;
}

/// Adds extensions to a dialplan, next to this text. A test before may have done so.
fn insert(switch: &Switch, context: &str, beside: &str, extensions: &str) {
    let path = switch.folder.join(format!("conf/dialplan/{context}.xml"));
    let text = fs::read_to_string(&path).expect("the dialplan");
    if text.contains(extensions) {
        return;
    }
    assert!(text.contains(beside), "{text}");
    let both = if beside.starts_with("<context") {
        format!("{beside}\n{extensions}")
    } else {
        format!("{extensions}\n{beside}")
    };
    fs::write(path, text.replacen(beside, &both, 1)).expect("a file");
}

/// Loads modules, such as `mod_fifo`.
pub async fn load(switch: &Switch, control: &Control, modules: &[&str]) {
    let file = switch.folder.join("conf/config/more.xml");
    fs::write(file, MODULES).expect("a file");
    control.api("reloadxml").await;
    for module in modules {
        let answer = control.api(&format!("load {module}")).await;
        // A test before may have loaded it.
        let there = answer.contains("+OK") || answer.contains("already loaded");
        assert!(there, "{module}: {answer}");
    }
}
