//! The service in this process, between a switch and a receiver that tests play.

mod call_control;
mod config;
mod event_feed;
mod follow;
mod hostile;
mod outbox;
mod report;
mod sentence;
mod serving;
