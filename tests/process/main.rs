//! Tests the program as a process: killed, embedded, recorded, in its lab.

mod crash;
mod embedding;
mod follow_speed;
mod lab;
mod receivers;
mod recorder;
mod time_zones;
