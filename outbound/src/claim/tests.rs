mod random_claims;
mod rules;
mod world;
