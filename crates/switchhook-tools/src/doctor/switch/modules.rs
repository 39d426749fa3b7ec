//! Names the FreeSWITCH modules that a call needs, and how to load a missing one.

/// The modules that `doctor` checks.
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
    format!("add <load module=\"{module}\"/> to modules.conf, and run: fs_cli -x 'load {module}'")
}
