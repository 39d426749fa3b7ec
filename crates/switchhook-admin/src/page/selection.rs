//! The documents that an operator selects on the outbox's page: by their ids, or by a filter.

use maud::{Markup, html};
use url::form_urlencoded;

use switchhook_core::shell;
use switchhook_store::DocumentFilter;

use super::outbox::OutboxParams;
use crate::access::Access;

/// Ids that one selection has, at most: more than one page shows.
const IDS: usize = 100;

/// A selection, as it is in a query string and in the body of a form.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Selection {
    /// `webhook-id`s; without one, the filter selects.
    pub(crate) ids: Vec<String>,
    state: String,
    pub(crate) webhook: String,
}

impl Selection {
    /// Reads a query string or the body of a form; an id may be there several times.
    pub(crate) fn parse(query: &str) -> Self {
        let mut selection = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "id" if !value.is_empty() && selection.ids.len() < IDS => {
                    selection.ids.push(value.into_owned());
                }
                "state" => selection.state = value.into_owned(),
                "webhook" => selection.webhook = value.into_owned(),
                _ => {}
            }
        }
        selection
    }

    /// Returns the selection of one document.
    pub(crate) fn one(id: &str) -> Self {
        Self {
            ids: vec![id.to_owned()],
            ..Self::default()
        }
    }

    /// Returns the filter for the store.
    pub(crate) fn filter(&self, access: &Access) -> DocumentFilter {
        if !self.ids.is_empty() {
            return DocumentFilter {
                ids: self.ids.clone(),
                accounts: access.accounts().cloned(),
                ..DocumentFilter::default()
            };
        }
        let query = OutboxParams {
            state: self.state.clone(),
            webhook: self.webhook.clone(),
            from: None,
        };
        query.filter(access)
    }

    /// Returns the words of the selection for the audit.
    pub(crate) fn target(&self) -> String {
        let filter = [self.webhook.as_str(), self.state.as_str()];
        let filter = filter.into_iter().filter(|_| self.ids.is_empty());
        let ids = self.ids.iter().map(String::as_str);
        let words: Vec<&str> = ids.chain(filter).filter(|word| !word.is_empty()).collect();
        if words.is_empty() {
            "what is not delivered".to_owned()
        } else {
            words.join(" ")
        }
    }

    /// Makes the hidden fields of a form.
    pub(crate) fn fields(&self) -> Markup {
        html! {
            @for id in &self.ids { input type="hidden" name="id" value=(id); }
            @if self.ids.is_empty() {
                input type="hidden" name="state" value=(self.state);
                input type="hidden" name="webhook" value=(self.webhook);
            }
        }
    }

    /// Returns the command that sends these documents again.
    pub(crate) fn retry_command(&self) -> String {
        let ids = self.ids.iter().map(|id| ["", id.as_str()]);
        let filter = [["--webhook", &*self.webhook], ["--state", &self.state]];
        let filter = filter.into_iter().filter(|_| self.ids.is_empty());
        let given = ids.chain(filter).filter(|[_, value]| !value.is_empty());
        let words = given.flatten().filter(|word| !word.is_empty());
        shell::command(["switchhook", "outbox", "retry"].into_iter().chain(words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_is_a_list_of_ids_or_a_filter() {
        let several = Selection::parse("id=msg_1&id=msg_2&id=&state=dead");
        assert_eq!(several.ids, ["msg_1", "msg_2"]);
        assert_eq!(several.filter(&Access::default()).ids, several.ids);
        assert!(
            several.filter(&Access::default()).states.is_empty(),
            "ids in any state"
        );
        let retry = "switchhook outbox retry msg_1 msg_2";
        assert_eq!(several.retry_command(), retry);
        let filtered = Selection::parse("state=dead&webhook=crm");
        assert_eq!(
            filtered.filter(&Access::default()).endpoint.as_deref(),
            Some("crm")
        );
        assert_eq!(
            filtered.retry_command(),
            "switchhook outbox retry --webhook crm --state dead"
        );
        let many = "id=x&".repeat(1_000);
        assert_eq!(Selection::parse(&many).ids.len(), IDS);
    }
}
