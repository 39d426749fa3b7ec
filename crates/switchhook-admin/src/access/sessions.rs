//! The sessions of people who signed in with a password or a token.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::User;
use super::hashes::random_text;

/// How long a session lasts.
pub(crate) const LIFETIME: Duration = Duration::from_secs(12 * 3_600);
/// Sessions at a time; a further one ends the oldest.
const SESSIONS: usize = 1_000;

/// The hash of a session's secret: who reads the memory of the service has no session.
type Key = [u8; 32];

struct Session {
    user: String,
    /// What the user signed in with: other credentials end the session.
    proof: Key,
    began: Instant,
}

/// The sessions, in memory: a restart ends them.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<Key, Session>>);

impl Sessions {
    /// Begins a session and returns its secret.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub(crate) fn begin(&self, user: &User) -> Result<String, String> {
        let secret = random_text()?;
        let session = Session {
            user: user.name.clone(),
            proof: proof(user),
            began: Instant::now(),
        };
        let mut all = self.lock();
        all.retain(|_, session| session.began.elapsed() < LIFETIME);
        if all.len() >= SESSIONS {
            let oldest = all.iter().min_by_key(|(_, session)| session.began);
            let oldest = oldest.map(|(key, _)| *key);
            oldest.map(|key| all.remove(&key));
        }
        all.insert(key(&secret), session);
        Ok(secret)
    }

    /// Returns the user of a session, if they still have the credentials that they signed in with.
    pub(crate) fn user<'u>(&self, secret: &str, users: &'u [User]) -> Option<&'u User> {
        let all = self.lock();
        let session = all.get(&key(secret))?;
        let user = users.iter().find(|user| user.name == session.user)?;
        let valid = session.began.elapsed() < LIFETIME && proof(user) == session.proof;
        valid.then_some(user)
    }

    /// Ends a session.
    pub(crate) fn end(&self, secret: &str) {
        self.lock().remove(&key(secret));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(secret: &str) -> Key {
    Sha256::digest(secret).into()
}

fn proof(user: &User) -> Key {
    let token = user.token.map(|token| token.to_string());
    let password = user.password.as_ref().map(|password| password.reveal());
    let both = [token.as_deref().unwrap_or(""), password.unwrap_or("")];
    Sha256::digest(both.join("\n")).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Role;
    use crate::access::hashes::TokenHash;

    fn user(name: &str, token: &str) -> User {
        User {
            name: name.into(),
            role: Role::Viewer,
            accounts: None,
            token: Some(TokenHash::of(token)),
            password: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_ends_with_its_time_its_user_and_the_credentials() {
        let sessions = Sessions::default();
        let users = [user("ann", "one"), user("ben", "two")];
        let secret = sessions.begin(&users[0]).unwrap();
        let name = |users: &[User]| sessions.user(&secret, users).map(|user| user.name.clone());
        assert_eq!(name(&users), Some("ann".into()));
        assert_eq!(name(&users[1..]), None, "the user is gone");
        assert_eq!(name(&[user("ann", "three")]), None, "another token");
        assert!(sessions.user("swh_guess", &users).is_none());
        tokio::time::advance(LIFETIME).await;
        assert_eq!(name(&users), None, "too old");
        let next = sessions.begin(&users[1]).unwrap();
        assert_eq!(sessions.lock().len(), 1, "the old one is removed");
        sessions.end(&next);
        assert!(sessions.user(&next, &users).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_memory_of_sessions_is_bounded() {
        let sessions = Sessions::default();
        let ann = user("ann", "one");
        let first = sessions.begin(&ann).unwrap();
        for _ in 0..SESSIONS {
            tokio::time::advance(Duration::from_millis(1)).await;
            sessions.begin(&ann).unwrap();
        }
        assert_eq!(sessions.lock().len(), SESSIONS);
        assert!(sessions.user(&first, &[ann]).is_none(), "the oldest one");
    }
}
