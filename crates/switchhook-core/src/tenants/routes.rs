//! Routes from numbers and contexts to accounts, flows and webhooks. The most exact matching
//! route wins.

use std::cmp::Reverse;
use std::fmt;

/// A pattern for a number or a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// The whole text.
    Exact(String),
    /// The start of the text; written with a trailing `*`.
    Prefix(String),
}

impl Pattern {
    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Exact(whole) => text == whole,
            Self::Prefix(beginning) => text.starts_with(beginning.as_str()),
        }
    }

    /// Returns how exact the pattern is. No two patterns that match one text weigh the same.
    fn weight(&self) -> (bool, usize) {
        match self {
            Self::Exact(text) => (true, text.len()),
            Self::Prefix(text) => (false, text.len()),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) => f.write_str(text),
            Self::Prefix(text) => write!(f, "{text}*"),
        }
    }
}

/// What a number, a context, or both together lead to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Route {
    /// Our number, without a leading `+`; `None` matches all.
    pub did: Option<Pattern>,
    /// The dialplan context; `None` matches all.
    pub context: Option<Pattern>,
    /// The account.
    pub account: Option<String>,
    /// The flow.
    pub flow: Option<String>,
    /// The webhook of a call that was handed over without a webhook's name.
    pub webhook: Option<String>,
}

impl Route {
    /// Returns whether both routes match the same calls equally exactly.
    #[must_use]
    pub fn clashes_with(&self, other: &Self) -> bool {
        self.did == other.did && self.context == other.context
    }

    fn fits(&self, did: Option<&str>, context: Option<&str>) -> bool {
        let fits = |pattern: &Option<Pattern>, text: Option<&str>| {
            let pattern = pattern.as_ref();
            pattern.is_none_or(|pattern| text.is_some_and(|text| pattern.fits(text)))
        };
        fits(&self.did, did) && fits(&self.context, context)
    }

    /// The number counts more than the context.
    fn weight(&self) -> [Option<(bool, usize)>; 2] {
        [&self.did, &self.context].map(|pattern| pattern.as_ref().map(Pattern::weight))
    }
}

/// All routes, the most exact first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes(Vec<Route>);

impl Routes {
    /// Sorts the routes; their written order does not matter.
    #[must_use]
    pub fn new(mut routes: Vec<Route>) -> Self {
        routes.sort_by_key(|route| Reverse(route.weight()));
        Self(routes)
    }

    /// Returns whether there are no routes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the most exact matching route. A number matches with and without `+`.
    #[must_use]
    pub fn find(&self, did: Option<&str>, context: Option<&str>) -> Option<&Route> {
        let did = did.map(without_plus);
        self.0.iter().find(|route| route.fits(did, context))
    }
}

/// Returns a number without its leading `+`, which carriers write or leave out.
#[must_use]
pub fn without_plus(number: &str) -> &str {
    number.strip_prefix('+').unwrap_or(number)
}
