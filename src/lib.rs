//! Switchhook: a FreeSWITCH Event Socket service that holds a live call while it
//! asks an HTTP webhook, and delivers one document for every call that is over.

pub mod call;
pub mod config;
pub mod doctor;
pub mod eslclient;
pub mod follow;
pub mod lab;
pub mod meter;
pub mod ops;
pub mod outbox;
pub mod report;
pub mod retry;
pub mod service;
pub mod signing;
pub mod store;
pub mod takeover;
pub mod webhook;
