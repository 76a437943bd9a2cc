//! Which customer a call was with.

use super::{Pipeline, StageError};
use crate::{
    db::{accounts, jobs::ClaimedJob},
    domain::{
        account,
        call::{Account, Call},
    },
};

/// The customer: from the CRM context or the source of the transcript, from the accounts that an administrator told us
/// of, from the parties' e-mail domains, or from the title.
pub(super) async fn customer(
    pipeline: &Pipeline,
    job: &ClaimedJob,
    call: &Call,
) -> Result<Option<Account>, StageError> {
    if let Some(account) = &call.crm_account {
        return Ok(Some(account.clone()));
    }
    let domains = account::customer_domains(call);
    if let Some(known) = accounts::find_account_by_domains(&pipeline.pool, &job.tenant, &domains).await? {
        return Ok(Some(known));
    }
    let by_domain = domains.first().and_then(|domain| account::name_of_domain(domain, call.title.as_deref()));
    let name = by_domain.or_else(|| account::name_in_title(call));
    Ok(name.map(|name| Account { name, number: None }))
}
