//! What callers hear on hold: whether the switch has it.

use std::collections::{BTreeMap, BTreeSet};

use super::answers::{Answers, global};
use super::modules::load;
use crate::doctor::Plan;
use crate::doctor::finding::Findings;
use switchhook_service::call_control::HoldMusic;

/// The switch's own music, as `playback` is given it.
const OF_SWITCH: &str = "${hold_music}";

/// FreeSWITCH's formats of sound files and the module of each.
const FORMATS: [(&str, &str); 9] = [
    ("wav", "mod_sndfile"),
    ("aiff", "mod_sndfile"),
    ("au", "mod_sndfile"),
    ("flac", "mod_sndfile"),
    ("ogg", "mod_sndfile"),
    ("raw", "mod_sndfile"),
    ("mp3", "mod_shout"),
    ("PCMU", "mod_native_file"),
    ("PCMA", "mod_native_file"),
];

/// Sounds that are asked after.
const SOUNDS: usize = 32;

/// What a sound needs.
#[derive(Debug, PartialEq, Eq)]
enum Sound<'a> {
    Tones,
    Stream(&'a str),
    File {
        path: &'a str,
        module: Option<&'static str>,
    },
    Other,
}

fn sound(text: &str) -> Sound<'_> {
    let text = text.trim();
    if let Some((scheme, rest)) = text.split_once("://") {
        return match scheme {
            "tone_stream" | "silence_stream" => Sound::Tones,
            // "local_stream://moh/8000" names a rate of it.
            "local_stream" => Sound::Stream(rest.trim_matches('/')),
            _ => Sound::Other,
        };
    }
    if text.is_empty() || text.starts_with(['{', '$']) {
        return Sound::Other;
    }
    let extension = text.rsplit_once('.').map(|(_, extension)| extension);
    let known = FORMATS
        .iter()
        .find(|(format, _)| Some(*format) == extension);
    Sound::File {
        path: text,
        module: known.map(|(_, module)| *module),
    }
}

/// Each sound with the webhooks that have it.
fn wanted(plan: &Plan) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut wanted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, webhook) in &plan.webhooks {
        let music = match &webhook.music {
            HoldMusic::Silence => continue,
            HoldMusic::OfSwitch => OF_SWITCH,
            HoldMusic::Stream(stream) => stream,
        };
        wanted.entry(music).or_default().insert(name);
    }
    wanted
}

fn resolved<'a>(music: &'a str, answers: &'a Answers) -> &'a str {
    if music == OF_SWITCH {
        answers.global("hold_music").unwrap_or_default()
    } else {
        music
    }
}

/// FreeSWITCH: switch_ivr_play_say.c `switch_ivr_play_file` puts `sound_prefix` before a relative path.
fn whole(path: &str, answers: &Answers) -> Option<String> {
    if path.starts_with('/') {
        return Some(path.to_owned());
    }
    answers
        .global("sound_prefix")
        .map(|prefix| format!("{prefix}/{path}"))
}

/// What each sound needs to be asked.
pub(super) fn questions(answers: &Answers, plan: &Plan) -> Vec<String> {
    let mut questions = Vec::new();
    for music in wanted(plan).into_keys().take(SOUNDS) {
        match sound(resolved(music, answers)) {
            Sound::Tones | Sound::Other => {}
            Sound::Stream(_) => questions.push("local_stream show".to_owned()),
            Sound::File { path, module } => {
                questions.push(global("sound_prefix"));
                questions.extend(whole(path, answers).map(|path| file_exists(&path)));
                questions.extend(module.map(|module| format!("module_exists {module}")));
            }
        }
    }
    questions
}

fn file_exists(path: &str) -> String {
    format!("file_exists {path}")
}

pub(super) fn judge(answers: &Answers, plan: &Plan, findings: &mut Findings) {
    for (music, webhooks) in wanted(plan).into_iter().take(SOUNDS) {
        let webhooks: Vec<_> = webhooks.into_iter().collect();
        let whose = webhooks.join(", ");
        if music == OF_SWITCH && answers.global("hold_music").is_none() {
            let what = format!(
                "the variable hold_music is not set: callers of {whose} hear silence, unless the dialplan sets it"
            );
            let cure = "set it in vars.xml, to local_stream://moh or a tone_stream, or name a hold_music for each webhook";
            findings.fault("hold music", what, cure);
            continue;
        }
        one(resolved(music, answers), &whose, answers, findings);
    }
}

fn one(text: &str, whose: &str, answers: &Answers, findings: &mut Findings) {
    let good = || format!("{} ({whose})", short(text));
    match sound(text) {
        Sound::Tones => match answers.has_module("mod_tone_stream") {
            Some(false) => missing("mod_tone_stream", text, whose, findings),
            _ => findings.ok("hold music", good()),
        },
        Sound::Stream(name) => stream(name, text, whose, answers, findings),
        Sound::File { path, module } => file(path, module, whose, answers, findings),
        Sound::Other => {
            let what = format!(
                "{} ({whose}) is nothing that can be looked for",
                short(text)
            );
            findings.note("hold music", what, "dial a number that plays it");
        }
    }
}

fn stream(name: &str, text: &str, whose: &str, answers: &Answers, findings: &mut Findings) {
    if answers.has_module("mod_local_stream") == Some(false) {
        return missing("mod_local_stream", text, whose, findings);
    }
    let Some(list) = answers.said("local_stream show") else {
        let what = format!("{} ({whose}): the switch has no stream at all", short(text));
        let cure = "describe one in local_stream.conf; its folder needs a sound file";
        return findings.fault("hold music", what, cure);
    };
    // FreeSWITCH: mod_local_stream.c `local_stream_file_open` looks for NAME/RATE, NAME, default.
    let names: Vec<_> = list
        .lines()
        .filter_map(|line| line.split(',').next())
        .collect();
    let has = |wanted: &str| {
        let of_rate = |name: &str| {
            name.strip_prefix(wanted)
                .is_some_and(|rest| rest.starts_with('/'))
        };
        names.iter().any(|name| *name == wanted || of_rate(name))
    };
    let cure = "describe it in local_stream.conf, or name one that is there";
    let there = names.join(", ");
    if has(name) {
        findings.ok("hold music", format!("{} ({whose})", short(text)));
    } else if has("default") {
        let what =
            format!("the switch has no stream {name} ({whose}) and plays its stream default");
        findings.warn("hold music", what, cure);
    } else {
        let what = format!("the switch has no stream {name} ({whose}); it has {there}");
        findings.fault("hold music", what, cure);
    }
}

fn file(path: &str, module: Option<&str>, whose: &str, answers: &Answers, findings: &mut Findings) {
    if let Some(module) = module.filter(|module| answers.has_module(module) == Some(false)) {
        return missing(module, path, whose, findings);
    }
    let Some(whole) = whole(path, answers) else {
        let what = format!("where {} ({whose}) is below is not known", short(path));
        return findings.note("hold music", what, "write its whole path");
    };
    match answers.said(&file_exists(&whole)) {
        Some("true") => findings.ok(
            "hold music",
            format!("{} is there ({whose})", short(&whole)),
        ),
        Some("false") => {
            let what = format!(
                "the switch has no file {}: callers of {whose} hear silence",
                short(&whole)
            );
            findings.fault(
                "hold music",
                what,
                "put it there, readable for the switch's user, or name another",
            );
        }
        _ => findings.know(
            "hold music",
            format!("whether {} is there is not known", short(&whole)),
        ),
    }
}

fn missing(module: &str, text: &str, whose: &str, findings: &mut Findings) {
    let what = format!(
        "{} ({whose}) needs {module}, which is not loaded: silence",
        short(text)
    );
    findings.fault("hold music", what, &load(module));
}

/// A tone's notes are long.
fn short(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::tests::plan;
    use crate::doctor::{Hooked, Level};
    use std::time::Duration;

    fn found(music: HoldMusic, answers: &Answers) -> (Level, String) {
        let hooked = Hooked {
            timeout: Duration::from_secs(10),
            music,
            is_elsewhere: false,
        };
        let plan = Plan {
            webhooks: [("lookup".to_owned(), hooked)].into(),
            ..plan()
        };
        let open = questions(answers, &plan);
        assert!(
            open.iter()
                .all(|question| answers.reply(question).is_some()),
            "{open:?}"
        );
        let mut findings = Findings::about("switch");
        judge(answers, &plan, &mut findings);
        let found = findings.list().swap_remove(0);
        (found.level, found.what)
    }

    #[test]
    fn every_kind_of_music_is_looked_for_in_its_own_way() {
        let all = |music: &str, answers: &[(&str, &str)]| {
            found(HoldMusic::Stream(music.into()), &Answers::canned(answers))
        };
        let own = |answers: &[(&str, &str)]| found(HoldMusic::OfSwitch, &Answers::canned(answers));
        let streams = [("local_stream show", "moh/8000,/sounds\nother,/other")];
        let file = |there| {
            [
                ("global_getvar sound_prefix", "/sounds"),
                ("module_exists mod_sndfile", "true"),
                ("file_exists /sounds/a.wav", there),
            ]
        };
        for ((level, what), wanted, words) in [
            (
                own(&[("global_getvar hold_music", "-ERR no reply")]),
                Level::Fault,
                "not set",
            ),
            (
                own(&[
                    ("global_getvar hold_music", "tone_stream://%(1,1,440)"),
                    ("module_exists mod_tone_stream", "true"),
                ]),
                Level::Ok,
                "tone_stream",
            ),
            (
                all(
                    "tone_stream://%(1,1,440)",
                    &[("module_exists mod_tone_stream", "false")],
                ),
                Level::Fault,
                "mod_tone_stream",
            ),
            (all("local_stream://moh", &streams), Level::Ok, "moh"),
            (
                all("local_stream://mo", &streams),
                Level::Fault,
                "moh/8000, other",
            ),
            (
                all("local_stream://mo", &[("local_stream show", "default,/x")]),
                Level::Warning,
                "default",
            ),
            (
                all(
                    "local_stream://moh",
                    &[("local_stream show", "-ERR no reply")],
                ),
                Level::Fault,
                "no stream at all",
            ),
            (
                all(
                    "local_stream://moh",
                    &[
                        ("module_exists mod_local_stream", "false"),
                        ("local_stream show", "-ERR local_stream Command not found!"),
                    ],
                ),
                Level::Fault,
                "mod_local_stream",
            ),
            (all("a.wav", &file("true")), Level::Ok, "/sounds/a.wav"),
            (
                all("/sounds/a.wav", &file("false")),
                Level::Fault,
                "silence",
            ),
            (
                all(
                    "/sounds/a.wav",
                    &[
                        ("global_getvar sound_prefix", "/s"),
                        ("module_exists mod_sndfile", "false"),
                        ("file_exists /sounds/a.wav", "true"),
                    ],
                ),
                Level::Fault,
                "mod_sndfile",
            ),
            (all("http_cache://x", &[]), Level::Note, "http_cache"),
        ] {
            assert_eq!(level, wanted, "{what}");
            assert!(what.contains(words), "{what}");
        }
    }
}
