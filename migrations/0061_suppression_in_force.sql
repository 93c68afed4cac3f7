-- The one home in SQL of the rule whether an entry of the do-not-call list holds at a time; in code it is
-- outbound::suppression::in_force. Entries that ended stay in the table for a while.
create function suppression_in_force(expires_at timestamptz, at timestamptz) returns boolean
    language sql immutable parallel safe
    return expires_at is null or expires_at > at;
