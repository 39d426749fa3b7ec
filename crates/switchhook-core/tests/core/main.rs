//! Tests how calls are decided, with captured events and golden documents.

mod details;
mod metrics_recorder;
