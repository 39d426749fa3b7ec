//! Answers API commands as mod_commands.c does.

use super::Switch;
use super::channel::{Cause, Channel, TOTAL_LOOPS, TRANSFER_SOURCE, micros};
use super::event::Format;
use super::text::{split_at, split_words};

const NO_CHANNEL: &str = "-ERR No such channel!\n";

impl Switch {
    /// Runs one API command line and returns its answer.
    pub(super) fn api(&self, line: &str) -> String {
        let (name, argument) = line.split_once(' ').unwrap_or((line, ""));
        match name {
            "uuid_setvar" => self.setvar(argument),
            "uuid_setvar_multi" => self.setvar_multi(argument),
            "uuid_getvar" => self.getvar(argument),
            "uuid_break" | "break" => self.break_media(argument),
            "uuid_transfer" => self.move_on(argument),
            "uuid_kill" => self.kill(argument),
            "uuid_dump" => self.uuid_dump(argument),
            "uuid_exists" => self.leg(argument).is_some().to_string(),
            "sched_del" => self.sched_del(argument),
            "show" => self.show(argument),
            "status" => {
                "UP 0 years, 0 days\nFreeSWITCH (Version 1.11.3-dev simulated) is ready\n".into()
            }
            "version" => "FreeSWITCH Version 1.11.3-dev (simulated)\n".into(),
            "global_getvar" => self.global(argument).unwrap_or_default().into(),
            "originate" => originate(argument),
            "strmicroepoch" => micros().to_string(),
            "switchname" => self.name.clone(),
            _ => format!("-ERR {name} Command not found!\n"),
        }
    }

    /// Runs `work` on the channel with this UUID and wakes its call.
    fn with(&self, uuid: &str, work: impl FnOnce(&mut Channel) -> String) -> String {
        let Some(leg) = self.leg(uuid) else {
            return NO_CHANNEL.into();
        };
        let answer = work(&mut leg.lock());
        leg.wake.notify_one();
        answer
    }

    fn setvar(&self, argument: &str) -> String {
        let words = split_words(argument, 3);
        let [uuid, name, value @ ..] = words.as_slice() else {
            return "-USAGE: <uuid> <var> [value]\n".into();
        };
        self.with(uuid, |channel| {
            if name.is_empty() {
                return "-ERR No variable specified\n".into();
            }
            channel.write(name, value.first().map_or("", String::as_str));
            "+OK\n".into()
        })
    }

    fn setvar_multi(&self, argument: &str) -> String {
        let Some((uuid, pairs)) = argument.split_once(' ') else {
            return "-USAGE: <uuid> <var>=<value>;<var>=<value>...\n".into();
        };
        self.with(uuid, |channel| {
            for pair in split_at(pairs, b';', 64) {
                let (name, value) = pair.split_once('=').unwrap_or((&pair, ""));
                if super::text::is_expandable(value) {
                    let fault = format!("uuid_setvar_multi silently drops the value of {name}");
                    channel.violation(fault);
                } else {
                    channel.write(name, value);
                }
            }
            "+OK\n".into()
        })
    }

    fn getvar(&self, argument: &str) -> String {
        let words = split_words(argument, 4);
        let [uuid, name, ..] = words.as_slice() else {
            return "-USAGE: <uuid> <var>\n".into();
        };
        self.with(uuid, |channel| {
            channel.asked |= name == TRANSFER_SOURCE;
            channel.variable(name).unwrap_or("_undef_").to_owned()
        })
    }

    /// Breaks the running application. `all` also drops every queued command, `set` included.
    fn break_media(&self, argument: &str) -> String {
        let (uuid, flag) = argument.split_once(' ').unwrap_or((argument, ""));
        self.with(uuid, |channel| {
            if channel.taken && channel.variable(TOTAL_LOOPS).is_none() {
                channel.violation("uuid_break reached a caller whom somebody fetched".into());
            }
            if flag.contains("all") {
                if channel.queue.iter().any(is_set) {
                    channel.violation("uuid_break … all discarded a queued set".into());
                }
                channel.queue.clear();
            }
            channel.broken = true;
            "+OK\n".into()
        })
    }

    /// Transfers a call: `UUID [-bleg|-both] EXTENSION [DIALPLAN] [CONTEXT]`. The options are
    /// ignored: no peer needs them here.
    fn move_on(&self, argument: &str) -> String {
        let Some((uuid, destination)) = argument.split_once(' ') else {
            return "-USAGE: <uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]\n".into();
        };
        self.with(uuid, |channel| {
            channel.moved = Some(destination.to_owned());
            "+OK\n".into()
        })
    }

    fn kill(&self, argument: &str) -> String {
        let (uuid, cause) = argument
            .split_once(' ')
            .unwrap_or((argument, "NORMAL_CLEARING"));
        let Some(leg) = self.leg(uuid) else {
            return NO_CHANNEL.into();
        };
        self.hang_up(&leg, Cause::by_switch(cause));
        "+OK\n".into()
    }

    fn uuid_dump(&self, argument: &str) -> String {
        let (uuid, format) = argument.split_once(' ').unwrap_or((argument, "plain"));
        self.with(uuid, |channel| {
            let event = self.dump(channel);
            let bytes = match Format::parse(format) {
                Some(Format::Json) => event.json(),
                Some(Format::Plain | Format::Xml) | None => event.plain(),
            };
            String::from_utf8_lossy(&bytes).into_owned()
        })
    }

    /// Cancels one task if `which` is a number, else every task of that channel.
    fn sched_del(&self, which: &str) -> String {
        let owner = match which.parse() {
            Ok(task) => self.owners().remove(&task),
            Err(_) => Some(which.to_owned()),
        };
        let leg = owner.and_then(|uuid| self.leg(&uuid));
        let count = leg.map_or(0, |leg| leg.lock().cancel_tasks(which));
        format!("+OK Deleted: {count}\n")
    }

    fn show(&self, argument: &str) -> String {
        if argument != "channels as json" {
            return "-USAGE: channels as json\n".into();
        }
        let rows: Vec<serde_json::Value> = self
            .legs()
            .iter()
            .map(|leg| row(&leg.lock(), &self.name))
            .collect();
        let mut answer = serde_json::json!({ "row_count": rows.len() });
        if !rows.is_empty() {
            answer["rows"] = rows.into();
        }
        answer.to_string()
    }
}

/// Answers `originate` of a switch without phones, gateways and other endpoints.
fn originate(argument: &str) -> String {
    let Some((dialled, _then)) = split_dial_string(argument) else {
        return "-USAGE: <call url> <exten>|&<application_name>(<app_args>)\n".into();
    };
    let cause = match dialled.split_once('/') {
        Some(("error", cause)) => cause,
        Some(("user", _)) => "USER_NOT_REGISTERED",
        Some(_) | None => "CHAN_NOT_IMPLEMENTED",
    };
    format!("-ERR {cause}\n")
}

/// Splits the dial string, without its variables, from what follows.
fn split_dial_string(argument: &str) -> Option<(&str, &str)> {
    let bare = match argument.strip_prefix('{') {
        Some(rest) => rest.split_once('}')?.1,
        None => argument,
    };
    bare.split_once(' ')
}

fn is_set(command: &super::wire::Command) -> bool {
    matches!(
        command.header("execute-app-name"),
        Some("set" | "multiset" | "export")
    )
}

/// Returns one row of `show channels as json`, with the columns of a real switch.
fn row(channel: &Channel, switch: &str) -> serde_json::Value {
    let text = |name: &str| channel.field(name).unwrap_or_default();
    serde_json::json!({
        "uuid": channel.uuid,
        "direction": text("direction"),
        "created": text("start_stamp"),
        "created_epoch": text("start_s"),
        "name": channel.name(),
        "state": channel.running.name(),
        "cid_name": channel.party.caller_name,
        "cid_num": channel.party.caller,
        "ip_addr": "127.0.0.1",
        "dest": channel.party.destination,
        "application": channel.variable("current_application").unwrap_or_default(),
        "application_data": channel.variable("current_application_data").unwrap_or_default(),
        "dialplan": "XML",
        "context": "public",
        "read_codec": "PCMU",
        "read_rate": "8000",
        "read_bit_rate": "64000",
        "write_codec": "PCMU",
        "write_rate": "8000",
        "write_bit_rate": "64000",
        "secure": "",
        "hostname": switch,
        "presence_id": "",
        "presence_data": "",
        "accountcode": "",
        "callstate": text("call_state"),
        "callee_name": "",
        "callee_num": "",
        "callee_direction": "",
        "call_uuid": if channel.call_uuid == channel.uuid { "" } else { &channel.call_uuid },
        "sent_callee_name": "",
        "sent_callee_num": "",
        "initial_cid_name": channel.party.caller_name,
        "initial_cid_num": channel.party.caller,
        "initial_ip_addr": "127.0.0.1",
        "initial_dest": channel.party.destination,
        "initial_dialplan": "XML",
        "initial_context": "public",
    })
}
