//! Registrar bindings (RFC 3261 §10), so that devices behind connectionless transports are still reachable after a restart.

use convoke_types::Aor;
use rusqlite::params;

use crate::engine::WriteContext;
use crate::{Store, StoreError, UnixMs};

/// One contact of an address of record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBinding {
    /// The contact URI as registered.
    pub contact: String,
    /// `+sip.instance` (RFC 5626 §4.1), empty without one.
    pub instance: String,
    /// `reg-id` (RFC 5626 §4.2).
    pub reg_id: Option<u32>,
    /// Preference in thousandths.
    pub q_permille: u16,
    /// Call-ID of the REGISTER.
    pub call_id: String,
    /// CSeq of the REGISTER.
    pub cseq: u32,
    /// When it ends.
    pub expires_at: UnixMs,
    /// The Path values (RFC 3327), separated by commas, empty without any.
    pub path: String,
    /// The flow that it was registered over, in the form that the registrar gave.
    pub flow: String,
    /// User-Agent, for the person's list of devices.
    pub user_agent: String,
    /// The number of the device password that it was registered with; `None` in rows of earlier versions.
    pub password: Option<i64>,
}

impl Store {
    /// Replaces all bindings of an address of record.
    pub async fn save_bindings(
        &self,
        aor: &Aor,
        bindings: Vec<StoredBinding>,
    ) -> Result<(), StoreError> {
        self.asked(|done| self.save_bindings_then(aor, bindings, done))
            .await
    }

    /// `save_bindings` with an answer by function.
    pub fn save_bindings_then(
        &self,
        aor: &Aor,
        bindings: Vec<StoredBinding>,
        done: impl FnOnce(Result<(), StoreError>) + Send + 'static,
    ) {
        let aor = aor.to_string();
        let work = move |cx: &mut WriteContext<'_>| {
            cx.conn
                .prepare_cached("DELETE FROM bindings WHERE aor = ?1")?
                .execute([&aor])?;
            let mut insert = cx.conn.prepare_cached(
                "INSERT OR REPLACE INTO bindings (aor, contact, instance, reg_id, q_permille,
                     call_id, cseq, expires_at, path, flow, user_agent, password)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?;
            for binding in &bindings {
                insert.execute(params![
                    aor,
                    binding.contact,
                    binding.instance,
                    binding.reg_id,
                    binding.q_permille,
                    binding.call_id,
                    binding.cseq,
                    binding.expires_at,
                    binding.path,
                    binding.flow,
                    binding.user_agent,
                    binding.password
                ])?;
            }
            Ok(())
        };
        self.engine().write(work, done);
    }

    /// Every binding in force at `now`, by address of record: what the registrar starts with.
    pub async fn bindings(&self, now: UnixMs) -> Result<Vec<(Aor, StoredBinding)>, StoreError> {
        self.read(move |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT aor, contact, instance, reg_id, q_permille, call_id, cseq, expires_at, path,
                        flow, user_agent, password
                 FROM bindings WHERE expires_at > ?1 ORDER BY aor, contact, instance",
            )?;
            let rows = statement.query_map([now], |row| {
                let aor: String = row.get(0)?;
                Ok((
                    aor,
                    StoredBinding {
                        contact: row.get(1)?,
                        instance: row.get(2)?,
                        reg_id: row.get(3)?,
                        q_permille: row.get(4)?,
                        call_id: row.get(5)?,
                        cseq: row.get(6)?,
                        expires_at: row.get(7)?,
                        path: row.get(8)?,
                        flow: row.get(9)?,
                        user_agent: row.get(10)?,
                        password: row.get(11)?,
                    },
                ))
            })?;
            rows.map(|row| {
                let (aor, binding) = row?;
                let aor = aor
                    .parse()
                    .map_err(|_| StoreError::Corrupt { what: "address" })?;
                Ok((aor, binding))
            })
            .collect()
        })
        .await
    }

    /// Forgets the bindings that ended by `now`; returns how many.
    pub async fn purge_bindings(&self, now: UnixMs) -> Result<usize, StoreError> {
        self.write_one(move |conn| {
            Ok(conn.execute("DELETE FROM bindings WHERE expires_at <= ?1", [now])?)
        })
        .await
    }
}
