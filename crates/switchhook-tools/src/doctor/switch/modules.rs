//! The FreeSWITCH modules that a call needs, and how to load one that is missing.

/// The modules that `doctor` asks about.
pub(super) const MODULES: [&str; 7] = [
    "mod_commands",
    "mod_dptools",
    "mod_dialplan_xml",
    "mod_loopback",
    "mod_tone_stream",
    "mod_local_stream",
    "mod_json_cdr",
];

pub(super) fn load(module: &str) -> String {
    format!("add <load module=\"{module}\"/> to modules.conf, and: fs_cli -x 'load {module}'")
}
