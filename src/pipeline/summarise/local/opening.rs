//! Where in a sentence a commitment begins, whose it is, and how it came to be known.

/// How a commitment came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Somebody promised it.
    Promise,
    /// Somebody asked for it and somebody said yes.
    Request,
    /// It was read back near the end of the call.
    ReadBack,
    /// It stood in a list that was read back, and nobody said whose it is.
    Listed,
}

impl Source {
    /// Whether it was read back.
    pub(super) fn is_recap(self) -> bool {
        matches!(self, Self::ReadBack | Self::Listed)
    }
}

/// Where in a sentence a commitment begins.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    pub(super) owner: usize,
    /// The first word of the commitment, for cutting the one before it.
    pub(super) at: usize,
    pub(super) verb: usize,
    pub(super) verb_end: usize,
    /// The task's verb where it is not the spoken one.
    pub(super) replaced: Option<String>,
    pub(super) needs_date: bool,
    pub(super) weight: f64,
    pub(super) source: Source,
    /// Where it ends, if that is known.
    pub(super) end: Option<usize>,
    /// Whether somebody else tells it: "me" is then not its owner.
    pub(super) told_by_another: bool,
    /// Whether its verb has an object pronoun beside it: "te lo mando".
    pub(super) clitic: Option<String>,
}

impl Opening {
    /// A firm promise of `owner` whose verb is at `verb..verb_end`.
    pub(super) fn new(owner: usize, verb: usize, verb_end: usize) -> Self {
        Self {
            owner,
            at: verb,
            verb,
            verb_end,
            replaced: None,
            needs_date: false,
            weight: 1.0,
            source: Source::Promise,
            end: None,
            told_by_another: false,
            clitic: None,
        }
    }

    /// Whether the task has no verb of its own: "you will have the report".
    pub(super) fn is_delivery(&self) -> bool {
        self.verb == self.verb_end
    }
}
