/** The counters and histograms that are fed while the work is done. */
import { Counter, Histogram, type Registry } from 'prom-client'

/** Milliseconds on a quiet machine, seconds on one that is in trouble. */
const ACKNOWLEDGED = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
/** From the quiet window up to an outage of some hours. */
const SCORED = [0.01, 0.05, 0.25, 1, 2.5, 5, 10, 15, 30, 60, 300, 1800, 7200]
const GROUP_ROWS = [1, 2, 5, 10, 25, 50, 100, 250, 500]

export function instruments(registers: Registry[]) {
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Counter({ name, help, labelNames, registers })
  const histogram = <Label extends string>(
    name: string,
    help: string,
    labelNames: Label[],
    buckets: number[],
  ) => new Histogram({ name, help, labelNames, buckets, registers })
  return {
    deliveries: counter('leadpulse_webhook_requests_total', 'Webhooks by what became of them', [
      'channel',
      'outcome',
    ]),
    acknowledged: histogram(
      'leadpulse_webhook_acknowledge_seconds',
      'From the arrival of a webhook to its answer',
      ['channel'],
      ACKNOWLEDGED,
    ),
    requests: histogram(
      'leadpulse_http_request_seconds',
      'Requests other than webhooks of channels, by route pattern',
      ['route', 'method', 'status'],
      ACKNOWLEDGED,
    ),
    refused: counter(
      'leadpulse_refused_credentials_total',
      'Tokens, webhook URLs and tickets that were none; limited: answered 429',
      ['limited'],
    ),
    rows: histogram('leadpulse_ingest_group_rows', 'Messages stored by one commit', [], GROUP_ROWS),
    commits: histogram(
      'leadpulse_ingest_commit_seconds',
      'One commit of a group of messages',
      [],
      ACKNOWLEDGED,
    ),
    stages: histogram(
      'leadpulse_scoring_seconds',
      'From a message to its score, in parts: waiting, gate, llm, commit; and total',
      ['stage'],
      SCORED,
    ),
    calls: counter(
      'leadpulse_llm_calls_total',
      'Calls of a model by outcome; score: of a lead, question: sentiment and drafts',
      ['feature', 'model', 'outcome'],
    ),
    callSeconds: histogram(
      'leadpulse_llm_call_seconds',
      'Calls of a model',
      ['feature', 'model'],
      SCORED,
    ),
    tokens: counter(
      'leadpulse_llm_tokens_total',
      'Tokens as the provider counts them; cached are part of input, reasoning of output',
      ['model', 'kind'],
    ),
    cost: counter(
      'leadpulse_llm_cost_usd_total',
      'Cost by our price table; calls of models without a price count nothing',
      ['model'],
    ),
  }
}
