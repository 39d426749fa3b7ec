//! What of the store a user may see.

use crate::state::AdminState;
use switchhook_store::{DocumentDetail, DocumentFilter, EndpointBacklog, StoreError};

/// Returns the backlogs of the documents that are to be seen.
///
/// # Errors
/// The store cannot be read.
pub(crate) async fn backlogs(state: &AdminState) -> Result<Vec<EndpointBacklog>, StoreError> {
    match state.access.accounts() {
        Some(accounts) => state.store.backlogs_of(accounts).await,
        None => state.store.backlogs().await,
    }
}

/// Returns a document that is to be seen.
///
/// # Errors
/// There is none, or it is of an account that is not to be seen, or the store cannot be read.
pub(crate) async fn document(state: &AdminState, id: &str) -> Result<DocumentDetail, StoreError> {
    if state.access.is_limited() {
        let filter = DocumentFilter {
            ids: vec![id.to_owned()],
            accounts: state.access.accounts().cloned(),
            ..DocumentFilter::default()
        };
        if state.store.documents(&filter, 1).await?.is_empty() {
            return Err(StoreError::NoSuchDocument {
                webhook_id: id.to_owned(),
            });
        }
    }
    state.store.document(id).await
}
