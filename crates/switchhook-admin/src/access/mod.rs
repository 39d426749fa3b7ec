//! Who may see and do what at the operator's page.
//!
//! A [`User`] has a token, a password, or a name that a trusted proxy sends. `Login` and the `Gate`
//! before each route turn a request into an [`Access`], and every view shows what that allows.

pub mod hashes;
pub(crate) mod needs;
pub(crate) mod sessions;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use ipnet::IpNet;

use hashes::TokenHash;
use switchhook_core::secret::Secret;

/// The user that `listen.http_token` stands for; no other one has this name.
pub const TOKEN_USER: &str = "http_token";

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Sees the page.
    Viewer,
    /// Changes something, too: sends documents again, tests webhooks.
    Operator,
}

/// A person or a program that may use the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name, which the audit shows.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// The only accounts that the user sees; `None` for everything. The default account is empty.
    pub accounts: Option<Vec<String>>,
    /// The hash of the token.
    pub token: Option<TokenHash>,
    /// The hash of the password (argon2id, in PHC's format).
    pub password: Option<Secret>,
}

/// A proxy that signs people in and sends their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedProxy {
    /// The header with the name.
    pub header: String,
    /// The addresses that are believed.
    pub from: Vec<IpNet>,
    /// What people may do whose name is no [`User`]'s; `None` refuses them.
    pub others: Option<Role>,
}

/// How a request was recognized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Not at all.
    Nobody,
    /// It comes from this machine, and no users are configured.
    Local,
    /// By its user.
    User,
}

/// What a request may see and do.
#[derive(Debug, Clone)]
pub struct Access {
    kind: Kind,
    name: Arc<str>,
    role: Role,
    accounts: Option<Arc<Vec<String>>>,
    origin: IpAddr,
    csrf: Option<Arc<str>>,
}

/// Sees nothing.
impl Default for Access {
    fn default() -> Self {
        Self::nobody(Ipv4Addr::UNSPECIFIED.into())
    }
}

impl Access {
    pub(crate) fn nobody(origin: IpAddr) -> Self {
        Self {
            kind: Kind::Nobody,
            name: "".into(),
            role: Role::Viewer,
            accounts: Some(Arc::default()),
            origin,
            csrf: None,
        }
    }

    /// Returns the access of a request from this machine where no users are configured: it sees
    /// everything and changes nothing.
    pub(crate) fn local(origin: IpAddr) -> Self {
        Self {
            kind: Kind::Local,
            accounts: None,
            ..Self::nobody(origin)
        }
    }

    /// Returns the access of a user.
    pub(crate) fn user(user: &User, origin: IpAddr) -> Self {
        Self {
            kind: Kind::User,
            name: user.name.as_str().into(),
            role: user.role,
            accounts: user.accounts.clone().map(Arc::new),
            origin,
            csrf: None,
        }
    }

    /// Sets what a change must have with it, for a browser that proves who it is by itself.
    pub(crate) fn with_csrf(mut self, csrf: String) -> Self {
        self.csrf = Some(csrf.into());
        self
    }

    /// Returns the name of the user; empty for others.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the address that the request came from.
    pub(crate) const fn origin(&self) -> IpAddr {
        self.origin
    }

    /// Returns what a change must have with it.
    pub(crate) fn csrf(&self) -> Option<&str> {
        self.csrf.as_deref()
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) const fn role(&self) -> Role {
        self.role
    }

    /// Whether some accounts are not to be seen.
    pub(crate) const fn is_limited(&self) -> bool {
        self.accounts.is_some()
    }

    /// Returns the only accounts that are to be seen; `None` for all.
    pub(crate) fn accounts(&self) -> Option<&Vec<String>> {
        self.accounts.as_deref()
    }

    /// Whether an account is to be seen. The default account is empty.
    pub(crate) fn sees(&self, account: &str) -> bool {
        let mut only = self.accounts.iter().flat_map(|accounts| accounts.iter());
        !self.is_limited() || only.any(|one| one == account)
    }
}
