//! What a test asks of the API beyond the plain verbs: files up and down, other keys, whole answers.

use callwright::client::{Access, Api};
use callwright::commands::enterprise;
use outbound::enterprise::EnterpriseSettings;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{World, eventually};

/// An answer, whatever it says.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub async fn to(request: RequestBuilder) -> Self {
        let reply = request.send().await.expect("an answer");
        let (status, headers) = (reply.status().as_u16(), reply.headers().clone());
        Self { status, headers, bytes: reply.bytes().await.expect("a body").to_vec() }
    }

    /// The body; null when it is no JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// `422 invalid_input`; the answer must be a whole problem (RFC 9457) or a success.
    pub fn told(&self) -> String {
        if self.status < 400 {
            return self.status.to_string();
        }
        let body = self.json();
        assert_eq!(self.header("content-type"), "application/problem+json", "{body}");
        assert_eq!(body["status"], self.status, "{body}");
        for field in ["type", "title", "detail", "code", "request_id"] {
            assert!(body[field].as_str().is_some_and(|text| !text.is_empty()), "{field} of {body}");
        }
        format!("{} {}", self.status, body["code"].as_str().unwrap_or_default())
    }
}

/// A request with a JSON body by any key; null sends none.
pub async fn ask(api: &Api, method: &str, path: &str, body: Value) -> Answer {
    let mut request = api.request(method.parse().expect("a method"), path);
    if !body.is_null() {
        request = request.json(&body);
    }
    Answer::to(request).await
}

/// Every list that `everything` looks at.
const LISTS: [&str; 15] = [
    "tasks",
    "templates",
    "periods",
    "navigations",
    "robots",
    "agents",
    "providers",
    "trunks",
    "caller_ids",
    "suppressions",
    "records",
    "exports",
    "audit",
    "conversations",
    "knowledge",
];

impl World {
    /// What a connection that sends these bytes, and no more, is answered with before it is closed.
    pub async fn raw(&self, bytes: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.expect("connected");
        stream.write_all(bytes.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        // A server that closes with bytes unread resets the connection, which is an end, too.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The API by another key.
    pub fn by(&self, key: &str) -> Api {
        Api::new(Access { url: format!("http://{}", self.address), key: key.to_owned() })
            .expect("a client")
    }

    /// The API by a new key of that role, with these permissions only.
    pub async fn key(&self, role: &str, permissions: &[&str]) -> Api {
        let name = format!("{role} {}", permissions.join(" "));
        let made = self
            .post("keys", json!({"name": name, "role": role, "permissions": permissions}))
            .await;
        self.by(made["secret"].as_str().expect("a secret"))
    }

    /// The API as the administrator of another enterprise.
    pub async fn stranger(&self) -> Api {
        let settings = EnterpriseSettings::new(chrono_tz::Asia::Shanghai, 10);
        let key = enterprise(&self.node.store, "Stranger", settings, self.clock.now()).await;
        self.by(&key.expect("an enterprise"))
    }

    /// Upload a file of numbers as the console does: a form with `file` and `options`.
    pub async fn upload(&self, task: &str, file: &str, bytes: Vec<u8>, options: &Value) -> Answer {
        self.upload_to(&format!("tasks/{task}/imports"), file, bytes, options).await
    }

    /// Upload a file to be imported there.
    pub async fn upload_to(
        &self,
        path: &str,
        file: &str,
        bytes: Vec<u8>,
        options: &Value,
    ) -> Answer {
        let form = Form::new()
            .part("options", Part::text(options.to_string()))
            .part("file", Part::bytes(bytes).file_name(file.to_owned()));
        Answer::to(self.api.request(Method::POST, path).multipart(form)).await
    }

    /// Upload a file and wait until the import is over, however it ends.
    pub async fn imported(&self, task: &str, file: &str, bytes: Vec<u8>, options: &Value) -> Value {
        let answer = self.upload(task, file, bytes, options).await;
        assert_eq!(answer.told(), "202", "{}", answer.json());
        let id = answer.json()["id"].as_str().expect("an id").to_owned();
        assert_eq!(answer.header("location"), format!("/v1/imports/{id}"));
        self.until_over(&format!("imports/{id}")).await
    }

    /// Wait until long work is over, and give it.
    pub async fn until_over(&self, path: &str) -> Value {
        eventually(&format!("{path} to be over"), || async {
            let work = self.get(path).await;
            matches!(work["status"].as_str(), Some("done" | "failed" | "cancelled")).then_some(work)
        })
        .await
    }

    /// Ask for an export and wait until it is done.
    pub async fn exported(&self, options: Value) -> Value {
        let made = self.post("exports", options).await;
        let export =
            self.until_over(&format!("exports/{}", made["id"].as_str().expect("an id"))).await;
        assert_eq!(
            (&export["status"], &export["ready"]),
            (&json!("done"), &json!(true)),
            "{export}"
        );
        export
    }

    /// What a path of the API gives, as it is.
    pub async fn bytes(&self, path: &str) -> Vec<u8> {
        let answer = ask(&self.api, "GET", path, Value::Null).await;
        assert_eq!(answer.told(), "200", "{path}");
        answer.bytes
    }

    /// The presigned link that a path gives.
    pub async fn link(&self, path: &str) -> String {
        let request = self.api.request(Method::GET, path).header("accept", "application/json");
        let answer = Answer::to(request).await;
        assert_eq!(answer.told(), "200", "{path}");
        answer.json()["url"].as_str().expect("a link").to_owned()
    }

    /// What lies behind the link that a path gives, as a browser fetches it: without any key.
    pub async fn download(&self, path: &str) -> Vec<u8> {
        let answer = Answer::to(reqwest::Client::new().get(self.link(path).await)).await;
        assert_eq!(answer.status, 200, "{path}");
        answer.bytes
    }

    /// Everything that the enterprise has, list by list; to see that nothing was changed.
    ///
    /// `witness` is a key without `see_full_numbers`, whose looking leaves no trace in the audit log.
    pub async fn everything(&self, witness: &Api) -> Map<String, Value> {
        let list =
            |path: String| async move { witness.list(&path, &[], 10_000).await.expect("a list") };
        let mut found = Map::new();
        for name in LISTS {
            found.insert(name.into(), list(name.into()).await.into());
        }
        found.insert("settings".into(), witness.get("settings").await.expect("settings"));
        let tasks: Vec<Value> = found["tasks"].as_array().cloned().unwrap_or_default();
        for task in tasks {
            let id = task["id"].as_str().expect("an id");
            for name in ["batches", "numbers", "imports"] {
                found.insert(
                    format!("{name} of {id}"),
                    list(format!("tasks/{id}/{name}")).await.into(),
                );
            }
        }
        found
    }
}
