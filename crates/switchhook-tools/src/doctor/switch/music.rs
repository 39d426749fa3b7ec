//! Checks that the switch has the hold music of the webhooks.

use std::collections::{BTreeMap, BTreeSet};

use super::modules::load;
use crate::doctor::ExpectedSetup;
use crate::doctor::answers::{Answers, global_query};
use crate::doctor::finding::Findings;
use switchhook_service::call_control::HoldMusic;

/// The switch's own music, as `playback` gets it.
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

/// Most sounds that are checked.
const MAX_SOUNDS: usize = 32;

/// The kind of a sound, with what it needs.
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
            // "local_stream://moh/8000" also names a rate.
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

/// Returns each sound with the webhooks that use it.
fn sounds_by_webhook(expected: &ExpectedSetup) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut sounds: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, webhook) in &expected.webhooks {
        let music = match &webhook.music {
            HoldMusic::Silence => continue,
            HoldMusic::OfSwitch => OF_SWITCH,
            HoldMusic::Stream(stream) => stream,
        };
        sounds.entry(music).or_default().insert(name);
    }
    sounds
}

fn resolved<'a>(music: &'a str, answers: &'a Answers) -> &'a str {
    if music == OF_SWITCH {
        answers.global("hold_music").unwrap_or_default()
    } else {
        music
    }
}

/// Returns a sound file's full path. FreeSWITCH: switch_ivr_play_say.c `switch_ivr_play_file` puts
/// `sound_prefix` before a relative path.
fn full_path(path: &str, answers: &Answers) -> Option<String> {
    if path.starts_with('/') {
        return Some(path.to_owned());
    }
    answers
        .global("sound_prefix")
        .map(|prefix| format!("{prefix}/{path}"))
}

/// Returns the queries that each sound needs.
pub(super) fn queries(answers: &Answers, expected: &ExpectedSetup) -> Vec<String> {
    let mut queries = Vec::new();
    for music in sounds_by_webhook(expected).into_keys().take(MAX_SOUNDS) {
        match sound(resolved(music, answers)) {
            Sound::Tones | Sound::Other => {}
            Sound::Stream(_) => queries.push("local_stream show".to_owned()),
            Sound::File { path, module } => {
                queries.push(global_query("sound_prefix"));
                queries.extend(full_path(path, answers).map(|path| file_exists(&path)));
                queries.extend(module.map(|module| format!("module_exists {module}")));
            }
        }
    }
    queries
}

fn file_exists(path: &str) -> String {
    format!("file_exists {path}")
}

pub(super) fn judge(answers: &Answers, expected: &ExpectedSetup, findings: &mut Findings) {
    for (music, webhooks) in sounds_by_webhook(expected).into_iter().take(MAX_SOUNDS) {
        let webhooks: Vec<_> = webhooks.into_iter().collect();
        let webhook_names = webhooks.join(", ");
        if music == OF_SWITCH && answers.global("hold_music").is_none() {
            let what = format!(
                "the variable hold_music is not set: callers of {webhook_names} hear silence, unless the dialplan sets it"
            );
            let cure = "set it in vars.xml, to local_stream://moh or a tone_stream, or name a hold_music for each webhook";
            findings.fault("hold music", what, cure);
            continue;
        }
        judge_sound(resolved(music, answers), &webhook_names, answers, findings);
    }
}

fn judge_sound(text: &str, webhook_names: &str, answers: &Answers, findings: &mut Findings) {
    let described = || format!("{} ({webhook_names})", shortened(text));
    match sound(text) {
        Sound::Tones => match answers.has_module("mod_tone_stream") {
            Some(false) => missing_module("mod_tone_stream", text, webhook_names, findings),
            _ => findings.ok("hold music", described()),
        },
        Sound::Stream(name) => judge_stream(name, text, webhook_names, answers, findings),
        Sound::File { path, module } => judge_file(path, module, webhook_names, answers, findings),
        Sound::Other => {
            let what = format!(
                "{} ({webhook_names}) cannot be checked from here",
                shortened(text)
            );
            findings.note("hold music", what, "dial a number that plays it");
        }
    }
}

fn judge_stream(
    name: &str,
    text: &str,
    webhook_names: &str,
    answers: &Answers,
    findings: &mut Findings,
) {
    if answers.has_module("mod_local_stream") == Some(false) {
        return missing_module("mod_local_stream", text, webhook_names, findings);
    }
    let Some(list) = answers.output("local_stream show") else {
        let what = format!(
            "{} ({webhook_names}): the switch has no stream at all",
            shortened(text)
        );
        let cure = "add one to local_stream.conf; its folder needs a sound file";
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
    let cure = "add it to local_stream.conf, or name a stream that exists";
    let there = names.join(", ");
    if has(name) {
        findings.ok(
            "hold music",
            format!("{} ({webhook_names})", shortened(text)),
        );
    } else if has("default") {
        let what = format!(
            "the switch has no stream {name} ({webhook_names}) and plays its stream default"
        );
        findings.warn("hold music", what, cure);
    } else {
        let what = format!("the switch has no stream {name} ({webhook_names}); it has {there}");
        findings.fault("hold music", what, cure);
    }
}

fn judge_file(
    path: &str,
    module: Option<&str>,
    webhook_names: &str,
    answers: &Answers,
    findings: &mut Findings,
) {
    if let Some(module) = module.filter(|module| answers.has_module(module) == Some(false)) {
        return missing_module(module, path, webhook_names, findings);
    }
    let Some(whole) = full_path(path, answers) else {
        let what = format!(
            "{} ({webhook_names}) cannot be found: sound_prefix is not known",
            shortened(path)
        );
        return findings.note("hold music", what, "set its full path");
    };
    match answers.output(&file_exists(&whole)) {
        Some("true") => findings.ok(
            "hold music",
            format!("{} is there ({webhook_names})", shortened(&whole)),
        ),
        Some("false") => {
            let what = format!(
                "the switch has no file {}: callers of {webhook_names} hear silence",
                shortened(&whole)
            );
            findings.fault(
                "hold music",
                what,
                "put the file there, readable for the switch's user, or name another",
            );
        }
        _ => findings.info(
            "hold music",
            format!("it is not known whether {} exists", shortened(&whole)),
        ),
    }
}

fn missing_module(module: &str, text: &str, webhook_names: &str, findings: &mut Findings) {
    let what = format!(
        "{} ({webhook_names}) needs {module}, which is not loaded: silence",
        shortened(text)
    );
    findings.fault("hold music", what, &load(module));
}

/// Shortens a sound's text, since a tone's notes are long.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::tests::expected;
    use crate::doctor::{ExpectedWebhook, Level};
    use std::time::Duration;

    fn found(music: HoldMusic, answers: &Answers) -> (Level, String) {
        let webhook_setup = ExpectedWebhook {
            timeout: Duration::from_secs(10),
            music,
            has_templated_host: false,
        };
        let expected = ExpectedSetup {
            webhooks: [("lookup".to_owned(), webhook_setup)].into(),
            ..expected()
        };
        let open = queries(answers, &expected);
        assert!(
            open.iter().all(|query| answers.reply(query).is_some()),
            "{open:?}"
        );
        let mut findings = Findings::about("switch");
        judge(answers, &expected, &mut findings);
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
