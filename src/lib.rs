//! Switchhook: a FreeSWITCH Event Socket service that holds a live call while it
//! asks an HTTP webhook, and delivers one document for every call that is over.

pub mod call;
pub mod lab;
pub mod webhook;
