//! What has ended an account's access tokens, as far as a process knows. It only grows: notes may
//! come in any order, and more than once, and no note takes another back.

use domain::SessionId;

/// The acts that ended access to one account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AccessEnds {
    /// The access generation: the sequence of the newest act.
    newest: i64,
    /// The session that the newest act spared.
    spared: Option<SessionId>,
    /// The newest act that did not spare that session.
    unspared: i64,
}

impl AccessEnds {
    /// Takes an act in: its sequence in the account's stream, and the session that it spared.
    pub(crate) fn note(&mut self, sequence: i64, spared: Option<SessionId>) {
        let spares_the_same = spared.is_some() && spared == self.spared;
        if sequence > self.newest {
            if !spares_the_same {
                self.unspared = self.newest;
            }
            (self.newest, self.spared) = (sequence, spared);
        } else if sequence < self.newest && !spares_the_same {
            self.unspared = self.unspared.max(sequence);
        }
    }

    /// Whether a token is over: issued on this generation, in that session.
    pub(crate) fn cover(&self, generation: i64, session: SessionId) -> bool {
        let lowest = if self.spared == Some(session) { self.unspared } else { self.newest };
        generation < lowest
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn session(number: u128) -> SessionId {
        SessionId::from_uuid(Uuid::from_u128(number))
    }

    /// The rule itself: every act after the token's generation has to have spared its session.
    fn is_over(acts: &[(i64, Option<SessionId>)], generation: i64, of: SessionId) -> bool {
        acts.iter().any(|(sequence, spared)| *sequence > generation && *spared != Some(of))
    }

    fn noted(acts: &[(i64, Option<SessionId>)]) -> AccessEnds {
        let mut ends = AccessEnds::default();
        for (sequence, spared) in acts {
            ends.note(*sequence, *spared);
        }
        ends
    }

    #[test]
    fn a_password_change_does_not_revive_what_a_demotion_ended() {
        let own = session(1);
        let ends = noted(&[(5, None), (6, Some(own))]);

        assert!(ends.cover(0, own), "issued before the demotion");
        assert!(!ends.cover(5, own), "issued after it, and spared");
        assert!(ends.cover(5, session(2)), "issued after it, in another session");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_096))]
        #[test]
        fn whatever_order_acts_are_noted_in_a_token_lives_if_all_later_ones_spared_it(
            spared in vec(option::of((0..3u128).prop_map(session)), 0..7),
            order in vec(any::<prop::sample::Index>(), 0..24),
        ) {
            let acts: Vec<_> = (1..).zip(spared).collect();
            let shuffled: Vec<_> =
                order.iter().filter(|_| !acts.is_empty()).map(|index| *index.get(&acts)).collect();

            let ends = noted(&shuffled);

            for generation in 0..=i64::try_from(acts.len()).unwrap() {
                for of in (0..4).map(session) {
                    let expected = is_over(&shuffled, generation, of);
                    prop_assert_eq!(ends.cover(generation, of), expected, "{:?}", shuffled);
                }
            }
        }
    }
}
