//! What these tests begin with: a robot, its providers, and somebody who listens to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use dialog::conversation::{AgentRequest, AgentStep, StepKind};
use dialog::llm::Tool;
use dialog::reply::Reply;
use outbound::provider::ProviderConfig;
use serde_json::{Map, Value, json};
use speech::agent::Part;
use speech::agents::{Excerpt, Library, LlmAgent};
use speech::providers::{Provider, Providers};
use speech::tools::{HttpTools, Toolbox};
use speech::{Agent, Reach, Saying, SpeechError};

/// The key that no error, log or step may tell.
pub const KEY: &str = "sk-secret";

/// Providers that do not change.
pub struct Configured(BTreeMap<String, Provider>);

#[async_trait]
impl Providers for Configured {
    async fn find(&self, name: &str) -> Result<Option<Provider>, SpeechError> {
        Ok(self.0.get(name).cloned())
    }
}

pub fn configured(configs: Vec<Value>) -> Arc<Configured> {
    let providers = configs.into_iter().map(|config| {
        let config: ProviderConfig = serde_json::from_value(config).unwrap();
        let name = config.name.clone();
        (name, Provider { config: Arc::new(config), places: Arc::default() })
    });
    Arc::new(Configured(providers.collect()))
}

/// A language model at this address, with 100 places and 10 s to its first words.
pub fn model(name: &str, url: &str) -> Value {
    json!({"name": name, "driver": "openai_chat", "url": url, "model": "stand-in", "key": KEY, "timeout_ms": 10_000})
}

pub fn system(url: &str) -> Value {
    json!({"name": "crm", "driver": "http", "url": url, "key": KEY})
}

pub fn with(mut config: Value, field: &str, value: impl Into<Value>) -> Value {
    config[field] = value.into();
    config
}

pub fn reach() -> Reach {
    Reach::new(&["127.0.0.1".to_owned()]).unwrap()
}

/// Documents that hold the same for every question.
pub struct Shelf(pub Result<Vec<Excerpt>, SpeechError>);

#[async_trait]
impl Library for Shelf {
    async fn find(&self, bases: &[String], question: &str) -> Result<Vec<Excerpt>, SpeechError> {
        assert!(!bases.is_empty() && !question.is_empty());
        self.0.clone()
    }
}

/// A toolbox that answers every tool with the same text.
pub struct Always(pub &'static str);

#[async_trait]
impl Toolbox for Always {
    async fn call(
        &self,
        _: &Tool,
        _: Map<String, Value>,
        _: &BTreeMap<String, String>,
    ) -> Result<String, SpeechError> {
        Ok(self.0.to_owned())
    }
}

/// An agent without documents whose tools go by HTTP.
pub fn agent(configs: Vec<Value>) -> LlmAgent {
    let (reach, providers) = (reach(), configured(configs));
    let tools = HttpTools::new(reach.clone(), Arc::clone(&providers) as Arc<dyn Providers>);
    LlmAgent::new(reach, providers, Arc::new(tools), Arc::new(Shelf(Ok(Vec::new()))))
}

/// An agent with one model, these tools and these documents.
pub fn agent_with(url: &str, toolbox: impl Toolbox + 'static, shelf: Shelf) -> LlmAgent {
    let providers = configured(vec![model("main", url)]);
    LlmAgent::new(reach(), providers, Arc::new(toolbox), Arc::new(shelf))
}

/// What the customer of a robot said; `agent`: more of the robot's configuration.
pub fn request(agent: Value, text: &str) -> AgentRequest {
    let mut config = json!({"kind": "llm", "providers": ["main"], "prompt": "You are Anna."});
    config.as_object_mut().unwrap().extend(agent.as_object().unwrap().clone());
    let robot = serde_json::from_value(json!({"name": "Anna", "agent": config})).unwrap();
    AgentRequest {
        id: 1,
        text: text.to_owned(),
        history: Vec::new(),
        variables: BTreeMap::new(),
        robot: Arc::new(robot),
    }
}

/// What came of a request.
#[derive(Debug)]
pub struct Told {
    pub result: Result<Reply, SpeechError>,
    pub parts: Vec<Part>,
}

impl Told {
    pub fn words(&self) -> Vec<&str> {
        let words = self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Step(_) => None,
        });
        words.collect()
    }

    pub fn steps(&self, kind: StepKind) -> Vec<&str> {
        let steps = self.parts.iter().filter_map(|part| match part {
            Part::Step(AgentStep { kind: other, detail }) if *other == kind => {
                Some(detail.as_str())
            }
            _ => None,
        });
        steps.collect()
    }

    pub fn error(&self) -> String {
        self.result.as_ref().unwrap_err().to_string()
    }
}

/// Ask, and listen to the end.
pub async fn ask(agent: &impl Agent, request: &AgentRequest) -> Told {
    let (saying, mut heard) = Saying::new();
    let asking = async move { agent.reply(request, &saying).await };
    let listening = async {
        let mut parts = Vec::new();
        while let Some(part) = heard.recv().await {
            parts.push(part);
        }
        parts
    };
    let (result, parts) = tokio::join!(asking, listening);
    Told { result, parts }
}
