//! A model of how tokens are issued and ended, explored in every order: a login, a refresh and two
//! acts that end access run side by side, while two replicas follow the log. What the replicas
//! remember is the real [`AccessEnds`]; what is atomic here is what a lock makes so in
//! `sessions.rs` and `ending.rs`.

use std::collections::BTreeSet;

use domain::SessionId;
use uuid::Uuid;

use crate::access_ends::AccessEnds;

/// What ends access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    PasswordChange,
    PasswordReset,
    RoleChange,
    Deactivation,
    Erasure,
    EndAllSessions,
    Logout,
}

const ACTS: [Act; 7] = [
    Act::PasswordChange,
    Act::PasswordReset,
    Act::RoleChange,
    Act::Deactivation,
    Act::Erasure,
    Act::EndAllSessions,
    Act::Logout,
];

#[derive(Clone, Copy, Debug)]
struct Token {
    generation: i64,
    session: SessionId,
    /// Acts that had been committed when it was issued.
    issued_after: usize,
}

#[derive(Clone, Copy, Debug)]
struct Committed {
    act: Act,
    sequence: i64,
}

#[derive(Clone, Default, Debug)]
struct Replica {
    followed: usize,
    ends: AccessEnds,
    ended: BTreeSet<SessionId>,
}

/// The database, the tokens that are out, and two replicas.
#[derive(Clone, Debug)]
struct World {
    log: Vec<Committed>,
    open: BTreeSet<SessionId>,
    generation: i64,
    password: u32,
    shut: bool,
    tokens: Vec<Token>,
    replicas: [Replica; 2],
}

fn session(number: u128) -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(number))
}

/// The session that is open from the beginning, and acts.
fn first() -> SessionId {
    session(1)
}

impl Act {
    fn spared(self) -> Option<SessionId> {
        (self == Self::PasswordChange).then(first)
    }

    fn ends_sessions(self) -> bool {
        !matches!(self, Self::RoleChange | Self::Logout)
    }
}

impl World {
    fn new() -> Self {
        let token = Token { generation: 0, session: first(), issued_after: 0 };
        Self {
            log: vec![],
            open: BTreeSet::from([first()]),
            generation: 0,
            password: 0,
            shut: false,
            tokens: vec![token],
            replicas: <[Replica; 2]>::default(),
        }
    }

    /// One transaction, as `ending.rs` has it written; the replica that commits notes it at once.
    fn commit(&mut self, act: Act, by: usize) {
        let sequence = i64::try_from(self.log.len()).unwrap() + 1;
        let committed = Committed { act, sequence };
        self.log.push(committed);
        if act == Act::Logout {
            self.open.remove(&first());
        } else {
            self.generation = sequence;
        }
        if act.ends_sessions() {
            self.open.retain(|open| Some(*open) == act.spared());
        }
        if matches!(act, Act::PasswordChange | Act::PasswordReset) {
            self.password += 1;
        }
        self.shut |= matches!(act, Act::Deactivation | Act::Erasure);
        self.replicas[by].note(committed);
    }

    fn issue(&mut self, session: SessionId) {
        let (generation, issued_after) = (self.generation, self.log.len());
        self.tokens.push(Token { generation, session, issued_after });
    }

    /// Reads the log to its end.
    fn follow(&mut self, replica: usize) {
        let Self { log, replicas, .. } = self;
        let replica = &mut replicas[replica];
        for committed in &log[replica.followed..] {
            replica.note(*committed);
        }
        replica.followed = log.len();
    }

    /// Once both replicas have followed: what a later act ended is refused, and nothing else is.
    fn check(mut self) {
        self.follow(0);
        self.follow(1);
        for token in &self.tokens {
            let later = &self.log[token.issued_after..];
            let over = later.iter().any(|Committed { act, .. }| match act {
                Act::Logout => token.session == first(),
                act => act.spared() != Some(token.session),
            });
            for replica in &self.replicas {
                assert_eq!(replica.refuses(token), over, "{token:?} in {self:#?}");
            }
        }
    }
}

impl Replica {
    fn note(&mut self, Committed { act, sequence }: Committed) {
        if act == Act::Logout {
            self.ended.insert(first());
        } else {
            self.ends.note(sequence, act.spared());
        }
    }

    fn refuses(&self, token: &Token) -> bool {
        self.ended.contains(&token.session) || self.ends.cover(token.generation, token.session)
    }
}

/// Something that runs step by step beside others.
#[derive(Clone, Debug)]
enum Task {
    /// Recognises a person by the first password, then opens a session.
    Login { recognised: Option<i64> },
    /// Finds the first session, then refreshes it.
    Refresh { found: bool },
    /// A change of the password first looks at the present one.
    Act { act: Act, by: usize, password: Option<u32> },
    /// A replica reads what is new in the log.
    Follow { replica: usize },
}

impl Task {
    /// One atomic step; what is left to do.
    fn step(self, world: &mut World) -> Option<Self> {
        match self {
            Self::Login { recognised: None } => {
                let knows = world.password == 0 && !world.shut;
                knows.then_some(Self::Login { recognised: Some(world.generation) })
            }
            Self::Login { recognised: Some(generation) } if generation != world.generation => {
                Some(Self::Login { recognised: None })
            }
            Self::Login { recognised: Some(_) } => {
                if !world.shut {
                    world.open.insert(session(2));
                    world.issue(session(2));
                }
                None
            }
            Self::Refresh { found: false } => {
                world.open.contains(&first()).then_some(Self::Refresh { found: true })
            }
            Self::Refresh { found: true } => {
                if world.open.contains(&first()) && !world.shut {
                    world.issue(first());
                }
                None
            }
            Self::Act { act: Act::PasswordChange, by, password: None } => {
                let password = Some(world.password);
                Some(Self::Act { act: Act::PasswordChange, by, password })
            }
            Self::Act { act, by, password } => {
                if !world.shut && password.is_none_or(|password| password == world.password) {
                    world.commit(act, by);
                }
                None
            }
            Self::Follow { replica } => {
                world.follow(replica);
                None
            }
        }
    }
}

/// Runs the tasks in every order; how many orders there are.
fn explore(world: &World, tasks: &[Task]) -> u64 {
    if tasks.is_empty() {
        world.clone().check();
        return 1;
    }
    (0..tasks.len())
        .map(|index| {
            let (mut world, mut left) = (world.clone(), tasks.to_vec());
            if let Some(task) = left.remove(index).step(&mut world) {
                left.insert(index, task);
            }
            explore(&world, &left)
        })
        .sum()
}

#[test]
fn in_no_order_does_a_token_outlive_what_ended_it() {
    let mut orders = 0;
    for (one, other) in ACTS.iter().flat_map(|one| ACTS.iter().map(move |other| (*one, *other))) {
        let tasks = [
            Task::Login { recognised: None },
            Task::Refresh { found: false },
            Task::Act { act: one, by: 0, password: None },
            Task::Act { act: other, by: 1, password: None },
            Task::Follow { replica: 0 },
            Task::Follow { replica: 1 },
        ];
        orders += explore(&World::new(), &tasks);
    }
    println!("{orders} orders");
    assert!(orders > 500_000);
}
