//! One HTTP webhook: its request from templates, its one deadline, what came back.

pub mod options;
