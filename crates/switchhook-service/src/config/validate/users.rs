//! Checks of the users of the operator's page.

use super::Validator;
use crate::config::lines::join;
use switchhook_admin::access::User;

impl Validator<'_> {
    pub(super) fn users(&self) {
        let users = &self.config.users;
        for (index, user) in users.iter().enumerate() {
            let path = join("users", &user.name);
            self.check_credentials(&path, user);
            let twice = |other: &User| other.token.is_some() && other.token == user.token;
            if let Some(other) = users[..index].iter().find(|other| twice(other)) {
                let what = format!("is also the token of {}", other.name);
                let help = "run `switchhook token` for each user";
                self.fault(&join(&path, "token_hash"), what, help);
            }
            // The default account has no name.
            let named = user
                .accounts
                .iter()
                .flatten()
                .filter(|name| !name.is_empty());
            for account in named {
                let of = ("account", "accounts");
                self.require_name(&join(&path, "accounts"), account, of, &self.config.accounts);
            }
        }
    }

    fn check_credentials(&self, path: &str, user: &User) {
        let can_sign_in = user.token.is_some() || user.password.is_some();
        if !can_sign_in && self.config.trusted_proxy.is_none() {
            let help =
                "add token_hash (`switchhook token`) or password_hash (`switchhook password`)";
            self.fault(path, "cannot sign in", help);
        }
    }
}
