-- Passwords of trunks, sealed with the installation's key: `config` has a mask in their place.
alter table trunk add column secrets bytea;
