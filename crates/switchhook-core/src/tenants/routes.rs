//! Routes: which number or context is whose. The most exact one that fits has the call.

use std::cmp::Reverse;
use std::fmt;

/// A number or a context: all of it, or how it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// The whole text.
    Exact(String),
    /// Its beginning, written with a `*` behind it.
    Prefix(String),
}

impl Pattern {
    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Exact(whole) => text == whole,
            Self::Prefix(beginning) => text.starts_with(beginning.as_str()),
        }
    }

    /// How exact it is: of those that fit one text, no two weigh the same.
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

/// What a number, or a context, or both together are given to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Route {
    /// The number at our end, without a leading `+`; `None` fits every one.
    pub did: Option<Pattern>,
    /// The context of the dialplan; `None` fits every one.
    pub context: Option<Pattern>,
    /// The account.
    pub account: Option<String>,
    /// The flow.
    pub flow: Option<String>,
    /// What a call asks that was handed over without a webhook's name.
    pub webhook: Option<String>,
}

impl Route {
    /// The route fits the same calls as another, as exactly.
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

    /// The number decides before the context.
    fn weight(&self) -> [Option<(bool, usize)>; 2] {
        [&self.did, &self.context].map(|pattern| pattern.as_ref().map(Pattern::weight))
    }
}

/// All routes, the most exact first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes(Vec<Route>);

impl Routes {
    /// In whatever order they are written.
    #[must_use]
    pub fn new(mut routes: Vec<Route>) -> Self {
        routes.sort_by_key(|route| Reverse(route.weight()));
        Self(routes)
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The most exact one that fits. A number with `+` is the same as without.
    #[must_use]
    pub fn find(&self, did: Option<&str>, context: Option<&str>) -> Option<&Route> {
        let did = did.map(bare);
        self.0.iter().find(|route| route.fits(did, context))
    }
}

/// A number without its leading `+`, which carriers write or leave out.
#[must_use]
pub fn bare(number: &str) -> &str {
    number.strip_prefix('+').unwrap_or(number)
}
