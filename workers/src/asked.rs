//! The question that a call has put to its agent: one at a time, and dropped when it is taken back.

use std::future::Future;
use std::pin::Pin;

use dialog::conversation::Input;

type Answer = Pin<Box<dyn Future<Output = Input> + Send>>;

/// Nothing is asked, or one thing.
#[derive(Default)]
pub struct Asked(Option<(u64, Answer)>);

impl Asked {
    /// Ask; what was asked before is not wanted any more.
    pub fn ask(&mut self, request: u64, answer: impl Future<Output = Input> + Send + 'static) {
        self.0 = Some((request, Box::pin(answer)));
    }

    /// Take a question back: whoever works on it is stopped at once.
    pub fn cancel(&mut self, request: u64) {
        self.0.take_if(|(asked, _)| *asked == request);
    }

    /// The answer, once it is there; never while nothing is asked. Cancel safe.
    pub async fn answer(&mut self) -> Input {
        let Some((_, answer)) = &mut self.0 else { return std::future::pending().await };
        let input = answer.await;
        self.0 = None;
        input
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_question_that_is_taken_back_is_worked_on_no_more() {
        let mut asked = Asked::default();
        let work = Arc::new(());
        let of = |request| {
            let work = work.clone();
            async move {
                let _work = work;
                std::future::pending::<()>().await;
                Input::AgentFailed { request }
            }
        };
        asked.ask(1, of(1));
        let waits = tokio::time::timeout(std::time::Duration::ZERO, asked.answer()).await;
        assert!(waits.is_err());
        asked.cancel(2);
        assert_eq!(Arc::strong_count(&work), 2, "that was another question");
        asked.cancel(1);
        assert_eq!(Arc::strong_count(&work), 1, "it is dropped");
        asked.ask(3, of(3));
        asked.ask(4, async { Input::AgentFailed { request: 4 } });
        assert_eq!(asked.answer().await, Input::AgentFailed { request: 4 });
        assert_eq!(Arc::strong_count(&work), 1);
    }
}
