//! What actions are called. One that is not here is shown as it is.

/// A family of actions: its name, what it is about, and its actions with their words.
type Family = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// All that the service records.
pub const ACTIONS: &[Family] = &[
    (
        "endpoint",
        "Endpoints",
        &[
            ("endpoint.create", "made an endpoint"),
            ("endpoint.change", "changed an endpoint"),
            ("endpoint.toggle", "enabled or disabled an endpoint"),
            ("endpoint.rotate_secret", "gave an endpoint a new secret"),
            ("endpoint.recover", "sent failed deliveries again"),
            ("endpoint.delete", "removed an endpoint"),
        ],
    ),
    ("delivery", "Deliveries", &[("delivery.retry", "sent a delivery again")]),
    ("call", "Calls", &[("call.reprocess", "processed a call again"), ("call.erase", "erased a call")]),
    ("run", "Runs", &[("run.retry", "retried a run")]),
    ("account", "Accounts", &[("account.put", "wrote an account")]),
    ("source", "Sources", &[("source.create", "made a source"), ("source.delete", "removed a source")]),
    ("token", "Tokens", &[("token.create", "made a token"), ("token.revoke", "revoked a token")]),
    (
        "tenant",
        "Tenants",
        &[
            ("tenant.create", "made a tenant"),
            ("tenant.change", "changed a tenant"),
            ("tenant.delete", "removed a tenant"),
        ],
    ),
    ("job", "Jobs", &[("job.run", "ran a job")]),
    ("panel", "Signing in", &[("panel.sign_in", "signed in"), ("panel.sign_out", "signed out")]),
];

/// An action in words.
pub fn of(action: &str) -> Option<&'static str> {
    let mut known = ACTIONS.iter().flat_map(|(_, _, actions)| *actions);
    known.find(|(name, _)| *name == action).map(|(_, words)| *words)
}
