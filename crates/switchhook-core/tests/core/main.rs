//! Decisions of a call, against captured events and golden documents.

mod details;
