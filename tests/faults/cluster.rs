//! A NATS cluster of three, of which one is killed.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use async_nats::jetstream;
use serde_json::json;
use tempfile::TempDir;

use crate::support::{TestApp, eventually, link_in};

const NODES: usize = 3;

/// Three servers, which end with the value.
struct Cluster {
    nodes: Vec<Child>,
    clients: Vec<u16>,
    _folder: TempDir,
}

/// Ports that nobody listens at.
fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<_> =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
    listeners.iter().map(|listener| listener.local_addr().expect("its address").port()).collect()
}

impl Cluster {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports = free_ports(2 * NODES);
        let (clients, routes) = ports.split_at(NODES);
        let among: Vec<_> =
            routes.iter().map(|port| format!("nats-route://127.0.0.1:{port}")).collect();
        let node = |(number, (client, route)): (usize, (&u16, &u16))| {
            let file = folder.path().join(format!("{number}.conf"));
            let text = format!(
                "server_name: node{number}\nlisten: \"127.0.0.1:{client}\"\n\
                 jetstream {{ store_dir: {:?} }}\n\
                 cluster {{ name: tests, listen: \"127.0.0.1:{route}\", routes: {among:?} }}\n",
                folder.path().join(format!("store{number}")),
            );
            std::fs::write(&file, text).unwrap();
            let mut server = Command::new("nats-server");
            server.arg("-c").arg(file).stdout(Stdio::null()).stderr(Stdio::null());
            server.spawn().expect("nats-server starts")
        };
        let nodes = clients.iter().zip(routes).enumerate().map(node).collect();
        Self { nodes, clients: clients.to_vec(), _folder: folder }
    }

    fn urls(&self) -> Vec<String> {
        self.clients.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect()
    }

    /// The number of servers that keep the stream of a prefix, and which of them leads.
    async fn stream(&self, name: &str) -> Option<(usize, Option<usize>)> {
        let client = async_nats::connect(self.urls()).await.ok()?;
        let stream = jetstream::new(client).get_stream(name).await.ok()?;
        let info = stream.cached_info();
        let leader = info.cluster.as_ref().and_then(|cluster| cluster.leader.as_deref());
        let number = leader.and_then(|name| name.strip_prefix("node")?.parse().ok());
        Some((info.config.num_replicas, number))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            // One of them was killed by the test.
            let _ = node.kill();
            let _ = node.wait();
        }
    }
}

async fn register(app: &TestApp, number: usize) -> String {
    let email = format!("ada{number}@example.com");
    let body = json!({ "email": email, "password": "a lamp in every window" });
    app.post("/register/").json(body).send().await.expect(201);
    email
}

#[tokio::test]
async fn a_stream_gets_its_replicas_and_outlives_the_server_that_led_it() {
    let mut cluster = Cluster::start();
    let mut app = TestApp::start_with(&[("NATS_URL", &cluster.urls().join(","))]).await;
    let name = app.stream();
    eventually("there is a stream of one replica", async || {
        cluster.stream(&name).await.filter(|(replicas, _)| *replicas == 1)
    })
    .await;

    app.program.set("NATS_REPLICAS", "3");
    app.restart().await;
    let leader = eventually("the stream has three replicas", async || {
        cluster.stream(&name).await.filter(|(replicas, _)| *replicas == 3)?.1
    })
    .await;

    let mut addresses = vec![];
    for number in 0..10 {
        addresses.push(register(&app, number).await);
        if number == 4 {
            cluster.nodes[leader].kill().unwrap();
        }
    }
    for address in &addresses {
        app.get(&link_in(&app.mail_to(address).await)).send().await.expect(200);
    }
    let other = eventually("another server leads", async || {
        cluster.stream(&name).await?.1.filter(|other| *other != leader)
    });
    other.await;
}
