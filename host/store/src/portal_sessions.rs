//! The portal sessions of customers.

use freehold_model::audit::AuditEntry;
use freehold_model::portal_session::PortalSession;
use freehold_model::{PortalSessionId, Scope};

use crate::engine::Reach;
use crate::sql::portal_sessions;
use crate::{Store, StoreError};

impl Store {
    /// Stores a new session of a customer of the scope. Sessions of the tenant that ended more than a day ago are dropped.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the scope has no such customer.
    pub async fn create_portal_session(
        &self,
        scope: &Scope,
        session: &PortalSession,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        let (scope, session, audit) = (scope.clone(), session.clone(), audit.clone());
        self.engine
            .write(Reach::tenant(&scope), move |tx| {
                Box::pin(async move { portal_sessions::create(tx, &scope, &session, &audit).await })
            })
            .await
    }

    /// One session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn portal_session(
        &self,
        scope: &Scope,
        id: &PortalSessionId,
    ) -> Result<Option<PortalSession>, StoreError> {
        let mut connection = self.engine.read(scope).await?;
        portal_sessions::find(&mut connection, scope, id).await
    }

    /// The session with this id, whoever's it is; used and ended ones too.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_portal_session_by_id_across_tenants(
        &self,
        id: &PortalSessionId,
    ) -> Result<Option<PortalSession>, StoreError> {
        let mut connection = self.engine.read_across_tenants().await?;
        portal_sessions::find_by_id_across_tenants(&mut connection, id).await
    }

    /// The session whose code has this hash, whoever's it is; used and ended ones too.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_portal_session_by_code_across_tenants(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<PortalSession>, StoreError> {
        let mut connection = self.engine.read_across_tenants().await?;
        portal_sessions::find_by_code_across_tenants(&mut connection, hash).await
    }

    /// The session whose token has this hash, whoever's it is; ended ones too.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_portal_session_by_token_across_tenants(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<PortalSession>, StoreError> {
        let mut connection = self.engine.read_across_tenants().await?;
        portal_sessions::find_by_token_across_tenants(&mut connection, hash).await
    }

    /// Exchanges a session's code for the token with this hash. It succeeds once.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the scope has no such session, or its code was exchanged or has expired.
    pub async fn open_portal_session(
        &self,
        scope: &Scope,
        id: &PortalSessionId,
        token_hash: [u8; 32],
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        let (scope, id, audit) = (scope.clone(), id.clone(), audit.clone());
        self.engine
            .write(Reach::tenant(&scope), move |tx| {
                Box::pin(async move { portal_sessions::open(tx, &scope, (&id, &token_hash), &audit).await })
            })
            .await
    }

    /// Ends a session. Ending it again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the scope has no such session.
    pub async fn revoke_portal_session(
        &self,
        scope: &Scope,
        id: &PortalSessionId,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        let (scope, id, audit) = (scope.clone(), id.clone(), audit.clone());
        self.engine
            .write(Reach::tenant(&scope), move |tx| {
                Box::pin(async move { portal_sessions::revoke(tx, &scope, &id, &audit).await })
            })
            .await
    }
}
