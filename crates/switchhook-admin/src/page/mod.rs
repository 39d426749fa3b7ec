//! The operator's page: one file for each view.
//!
//! Text that came from a call is text here, never markup: the templates escape it. Views import
//! the layout and the components; neither imports a view.

pub(crate) mod address;
pub(crate) mod assets;
pub(crate) mod audit;
pub(crate) mod call;
pub(crate) mod calls;
mod components;
pub(crate) mod configuration;
pub(crate) mod document;
pub(crate) mod layout;
pub(crate) mod login;
mod lookups;
pub(crate) mod outbox;
pub(crate) mod overview;
pub(crate) mod replay;
pub(crate) mod switches;
mod test_form;
mod webhook_health;
pub(crate) mod webhook_test;
pub(crate) mod webhooks;
