//! Every input that fuzzing found, tested again, and variations of its corpus.

#[path = "../../../../../fuzz/harness/answer.rs"]
mod answer;
#[path = "../../../../../fuzz/harness/cdr_post.rs"]
mod cdr_post;
#[path = "../../../../../fuzz/harness/command.rs"]
mod command;
#[path = "../../../../../fuzz/harness/config.rs"]
mod config;
#[path = "../../../../../fuzz/harness/event.rs"]
mod event;
#[path = "../../../../../fuzz/harness/frames.rs"]
mod frames;
#[path = "../../../../../fuzz/harness/replay.rs"]
mod replay;
#[path = "../../../../../fuzz/harness/search.rs"]
mod search;
#[path = "../../../../../fuzz/harness/signature.rs"]
mod signature;

use std::fs;

type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 9] = [
    ("answer", answer::run),
    ("cdr_post", cdr_post::run),
    ("command", command::run),
    ("config", config::run),
    ("event", event::run),
    ("frames", frames::run),
    ("replay", replay::run),
    ("search", search::run),
    ("signature", signature::run),
];

#[test]
fn what_fuzzing_found_is_found_no_more() {
    let findings = test_support::root().join("fuzz/findings");
    let mut known = Vec::new();
    for (name, run) in TARGETS {
        let folder = findings.join(name);
        for file in fs::read_dir(folder).into_iter().flatten() {
            let path = file.unwrap().path();
            run(&fs::read(&path).unwrap());
            known.push(name);
        }
    }
    // A folder with an unknown name would not be tested.
    for folder in fs::read_dir(&findings).into_iter().flatten() {
        let name = folder.unwrap().file_name();
        assert!(
            TARGETS.iter().any(|(known, _)| name == *known),
            "no target is called {name:?}"
        );
    }
}

/// The text `x` in zlib's form of deflate.
const CODED: &[u8] = b"2(.*)\ntext/plain\tdeflate\n\x78\x9c\xab\x00\x00\x00\x79\x00\x79";

/// The beginning of a CDR, which is posted with the right password.
const CDR: &[u8] = br#"=
fs1
{"core-uuid":"1","switchname":"fs1","channel_data":{"direction":"inbound"},
"variables":{"uuid":"7719334c-156d-4838-8a93-1818536027f8","hangup_cause":"NORMAL_CLEARING","flow.key.x":"%20${y}"},
"callflow":[{"profile_index":"1","times":{"created_time":"1","answered_time":"2","hangup_time":"3"},
"caller_profile":{"caller_id_number":"1","destination_number":"2","uuid":"7719334c-156d-4838-8a93-1818536027f8"}}]}"#;

#[test]
fn every_target_holds_for_random_changes_of_a_seed() {
    let seeds: [(&str, &[u8]); 15] = [
        (
            "answer",
            b"0$..x\napplication/json\n{\"x\":\"${y}\",\"z\":[1,{\"x\":null}]}",
        ),
        ("answer", CODED),
        (
            "answer",
            b"2x=(.*)\ntext/plain; charset=shift_jis\nx=\x8e\x52\x93\x63",
        ),
        ("cdr_post", CDR),
        (
            "cdr_post",
            b"Basic ZnMxOnJpZ2h0\nfs1\n{\"variables\":{\"uuid\":\"1\"}}",
        ),
        ("command", b"flow.key.x\n$\\\\{it's}\r\n\nexit"),
        (
            "config",
            include_bytes!("../../../../../freeswitch-conf/switchhook.toml"),
        ),
        (
            "event",
            b"0Event-Name: A\nUnique-ID: %41%\nvariable_x: %24{y}\nvariable_x: 2\n\n",
        ),
        (
            "frames",
            b"\x03Content-Type: command/reply\nReply-Text: +OK\n\nContent-Length: 2\n\nab",
        ),
        ("replay", b"1state=dead&webhook=O%27Hara+%26+%3Cb%3E"),
        ("replay", b"1id=ID2&state=%E2%80%AE&webhook="),
        ("search", b"q+46 70-137 013"),
        ("search", b"q\\\\ \"${uuid}\" <b>it's</b>"),
        ("search", b"?q=note%3DHFC%3D1&line=1&before=9&webhook=a"),
        (
            "signature",
            b"\x20msg_1\nthe bytes of a key, and then those of the document",
        ),
    ];
    let mut random = fastrand::Rng::with_seed(11);
    for (name, run) in TARGETS {
        let own: Vec<&[u8]> = seeds
            .iter()
            .filter(|(of, _)| *of == name)
            .map(|(_, seed)| *seed)
            .collect();
        assert!(!own.is_empty(), "{name}");
        for seed in own {
            run(seed);
            // Those of the HTTP port read a store, most of them several times.
            let is_slow = ["cdr_post", "replay", "search"].contains(&name);
            for _ in 0..if is_slow { 50 } else { 300 } {
                run(&changed(seed, &mut random));
            }
        }
    }
}

/// Changes some bytes, removes a piece, or repeats one.
fn changed(seed: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..random.usize(1..5) {
        let at = random.usize(0..bytes.len());
        let end = (at + random.usize(1..9)).min(bytes.len());
        match random.u8(0..3) {
            0 => bytes[at] = random.u8(..),
            1 if bytes.len() > 16 => drop(bytes.drain(at..end)),
            _ => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}
