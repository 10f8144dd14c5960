"""Webhooks: subscriptions of a contract, the outbox of messages, signatures, sending, retries."""
