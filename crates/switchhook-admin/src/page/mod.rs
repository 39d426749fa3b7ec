//! The operator's page: one file for each view.
//!
//! Text that came from a call is text here, never markup: the templates escape it. Views import
//! the layout and the components; neither imports a view.

pub(crate) mod address;
pub(crate) mod assets;
pub(crate) mod audit;
pub(crate) mod call;
pub(crate) mod call_export;
pub(crate) mod call_params;
pub(crate) mod calls;
mod change_form;
mod components;
pub(crate) mod configuration;
pub(crate) mod document;
mod document_rows;
pub(crate) mod endpoints;
mod held;
pub(crate) mod layout;
pub(crate) mod login;
mod lookups;
pub(crate) mod outbox;
pub(crate) mod overview;
pub(crate) mod replay;
mod selection;
pub(crate) mod switches;
mod test_form;
pub(crate) mod time;
mod time_counts;
pub(crate) mod time_window;
pub(crate) mod visible;
mod webhook_health;
pub(crate) mod webhook_test;
pub(crate) mod webhooks;
