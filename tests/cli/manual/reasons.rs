//! The manual explains every reason for failure.

use switchhook::call::outcome::Reason;

use super::{Page, assert_none};

#[test]
fn the_table_of_failures_has_a_row_for_each_reason() {
    let page = Page::read("docs/webhooks.md");
    let missing = Reason::ALL.iter().filter_map(|reason| {
        let row = format!("\n| `{reason}` |");
        (!page.text.contains(&row)).then(|| format!("docs/webhooks.md: no row for {reason}"))
    });
    assert_none(&missing.collect::<Vec<_>>());
}
