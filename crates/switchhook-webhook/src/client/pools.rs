//! The connection pools of one kind of TLS settings: one pool for each way to make and keep
//! connections.

use std::sync::{Arc, Mutex, PoisonError};

use super::ClientError;
use super::client_factory::ClientFactory;
use super::h2_pool::H2Pool;
use crate::options::ConnectionOptions;

/// Pools with the same TLS settings, which share TLS sessions.
pub(super) struct Pools {
    factory: ClientFactory,
    /// The pool with the default options.
    usual: Arc<H2Pool>,
    /// Pools with other options. Bounded: an idle time is a webhook's or a whole number of seconds
    /// below it.
    others: Mutex<Vec<(ConnectionOptions, Arc<H2Pool>)>>,
}

impl Pools {
    pub(super) fn new(factory: ClientFactory) -> Result<Self, ClientError> {
        let usual = factory.with(ConnectionOptions::default());
        Ok(Self {
            usual: Arc::new(H2Pool::new(usual)?),
            factory,
            others: Mutex::default(),
        })
    }

    /// Returns the pool of connections with these options.
    pub(super) fn get(&self, options: ConnectionOptions) -> Result<Arc<H2Pool>, ClientError> {
        if options == ConnectionOptions::default() {
            return Ok(Arc::clone(&self.usual));
        }
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, pool)) = others.iter().find(|(known, _)| *known == options) {
            return Ok(Arc::clone(pool));
        }
        let pool = Arc::new(H2Pool::new(self.factory.with(options))?);
        others.push((options, Arc::clone(&pool)));
        Ok(pool)
    }
}
