/** The only reader of the environment: every variable with its default, checked before anything starts. */
import { resolve } from 'node:path'
import { z } from 'zod'
import type { RetentionDays } from './domain/retention.ts'

export interface Config {
  host: string
  port: number
  /** Base of webhook URLs as the senders see it; null: made from host and port. */
  publicUrl: string | null
  dataDir: string
  /** null: embedded PGlite in dataDir. */
  databaseUrl: string | null
  role: 'all' | 'web' | 'worker'
  adminToken: string | null
  cronSecret: string | null
  metricsToken: string | null
  secretsKey: Buffer | null
  /** Opens what was sealed under it; nothing is sealed under it any more. */
  secretsKeyPrevious: Buffer | null
  allowedOrigins: string[]
  /** Proxies whose X-Forwarded-For is believed. */
  trustedProxies: string[]
  openai: OpenAiConfig | null
  llmConcurrency: number
  scoringHeldMax: number
  scoringQuietMs: number
  scoringMaxWaitMs: number
  retention: RetentionDays
  /** null: nothing is traced. */
  traces: TracesConfig | null
  logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'
}

export interface TracesConfig {
  /** Base of an OTLP/HTTP collector; the exporter takes further OTEL_EXPORTER_OTLP_ variables. */
  endpoint: string
  /** Share of the messages that are traced. */
  ratio: number
}

export interface OpenAiConfig {
  apiKey: string
  baseUrl: string | null
  model: string
  successor: string
  timeoutMs: number
}

export class ConfigError extends Error {
  override name = 'ConfigError'
  /** One line per variable: name, what it got, what it takes. */
  readonly lines: string[]
  constructor(lines: string[]) {
    super(lines.join('\n'))
    this.lines = lines
  }
}

const integer = (min: number, max: number, fallback: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .refine((n) => n >= min && n <= max)
    .optional()
    .transform((n) => n ?? fallback)
const httpUrl = z.url({ protocol: /^https?$/ }).transform((url) => url.replace(/\/+$/, ''))
const secret = z.string().min(16).max(512)
const sealingKey = z
  .string()
  .transform((text) => Buffer.from(text, /^[0-9a-f]{64}$/i.test(text) ? 'hex' : 'base64'))
  .refine((key) => key.length === 32)

/** What each variable takes, in the words of the error line. */
const takes: Record<string, string> = {
  HOST: 'a host name or address to listen on, e.g. 127.0.0.1',
  PORT: 'a whole number from 0 to 65535',
  PUBLIC_URL: 'an http(s) URL, e.g. https://scores.example.com',
  DATA_DIR: 'a directory path',
  DATABASE_URL: 'postgres://user:password@host:port/database',
  ROLE: 'all, web or worker',
  ADMIN_TOKEN: 'at least 16 characters',
  CRON_SECRET: 'at least 16 characters',
  METRICS_TOKEN: 'at least 16 characters',
  SECRETS_KEY: '32 bytes as 64 hexadecimal digits or base64',
  SECRETS_KEY_PREVIOUS: '32 bytes as 64 hexadecimal digits or base64',
  ALLOWED_ORIGINS: 'comma-separated origins, e.g. https://scores.example.com',
  TRUSTED_PROXIES:
    'comma-separated addresses or networks of proxies in front, e.g. 127.0.0.1,10.0.0.0/8',
  OPENAI_API_KEY: 'an API key without blanks',
  OPENAI_BASE_URL: 'an http(s) URL, e.g. https://api.openai.com/v1',
  OPENAI_MODEL: 'a model id, e.g. gpt-5-nano',
  OPENAI_MODEL_SUCCESSOR: 'a model id, e.g. gpt-6-luna',
  OPENAI_TIMEOUT_MS: 'a whole number of milliseconds from 100 to 600000',
  LLM_CONCURRENCY: 'a whole number from 1 to 1000',
  SCORING_HELD_MAX: 'a whole number from 1 to 100000',
  SCORING_QUIET_MS: 'a whole number of milliseconds from 0 to 600000',
  SCORING_MAX_WAIT_MS:
    'a whole number of milliseconds from 0 to 3600000, not below SCORING_QUIET_MS',
  RETENTION_SCORE_EVENTS_DAYS: 'a whole number of days from 1 to 3650',
  RETENTION_REJECTED_DAYS: 'a whole number of days from 1 to 3650',
  RETENTION_PAYLOADS_DAYS: 'a whole number of days from 1 to 3650',
  RETENTION_AUDIT_DAYS: 'a whole number of days from 1 to 3650',
  RETENTION_AI_CALLS_DAYS: 'a whole number of days from 31 to 3650',
  RETENTION_LEADS_DAYS: 'a whole number of days from 0 to 3650, 0: leads are kept',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'an http(s) URL of an OTLP collector, e.g. http://127.0.0.1:4318',
  OTEL_TRACES_SAMPLER_ARG: 'a share from 0 to 1, e.g. 0.1',
  LOG_LEVEL: 'fatal, error, warn, info, debug, trace or silent',
}

const modelId = z.string().regex(/^[\w.:/-]{1,100}$/)
const schema = z.object({
  HOST: z
    .string()
    .regex(/^[\w.:-]{1,253}$/)
    .default('127.0.0.1'),
  PORT: integer(0, 65_535, 3000),
  PUBLIC_URL: httpUrl.optional(),
  DATA_DIR: z.string().max(4096).default('./data'),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\/\S+$/)
    .optional(),
  ROLE: z.enum(['all', 'web', 'worker']).default('all'),
  ADMIN_TOKEN: secret.optional(),
  CRON_SECRET: secret.optional(),
  METRICS_TOKEN: secret.optional(),
  SECRETS_KEY: sealingKey.optional(),
  SECRETS_KEY_PREVIOUS: sealingKey.optional(),
  ALLOWED_ORIGINS: z
    .string()
    .transform((text) => text.split(',').map((origin) => origin.trim().replace(/\/$/, '')))
    .pipe(z.array(z.string().regex(/^https?:\/\/[^/\s]+$/)))
    .optional(),
  TRUSTED_PROXIES: z
    .string()
    .transform((text) => text.split(',').map((proxy) => proxy.trim()))
    .pipe(z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()])))
    .optional(),
  OPENAI_API_KEY: z.string().regex(/^\S+$/).optional(),
  OPENAI_BASE_URL: httpUrl.optional(),
  OPENAI_MODEL: modelId.default('gpt-5-nano'),
  OPENAI_MODEL_SUCCESSOR: modelId.default('gpt-6-luna'),
  OPENAI_TIMEOUT_MS: integer(100, 600_000, 20_000),
  LLM_CONCURRENCY: integer(1, 1000, 32),
  SCORING_HELD_MAX: integer(1, 100_000, 2000),
  SCORING_QUIET_MS: integer(0, 600_000, 3000),
  SCORING_MAX_WAIT_MS: integer(0, 3_600_000, 15_000),
  RETENTION_SCORE_EVENTS_DAYS: integer(1, 3650, 30),
  RETENTION_REJECTED_DAYS: integer(1, 3650, 30),
  RETENTION_PAYLOADS_DAYS: integer(1, 3650, 30),
  RETENTION_AUDIT_DAYS: integer(1, 3650, 365),
  // The monthly AI budget is counted from them.
  RETENTION_AI_CALLS_DAYS: integer(31, 3650, 400),
  RETENTION_LEADS_DAYS: integer(0, 3650, 0),
  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl.optional(),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .regex(/^(0|1|0?\.\d{1,9}|1\.0*)$/)
    .transform(Number)
    .default(1),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
})

/** Values that must not appear in an error line, which ends up in logs. */
const secretNames = new Set([
  'ADMIN_TOKEN',
  'CRON_SECRET',
  'METRICS_TOKEN',
  'SECRETS_KEY',
  'SECRETS_KEY_PREVIOUS',
  'OPENAI_API_KEY',
  // May hold a password.
  'OTEL_EXPORTER_OTLP_ENDPOINT',
])

/** Throws ConfigError with one line per wrong variable. An empty variable counts as absent. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const parsed = schema.safeParse(given)
  const wrong = new Set(
    parsed.success ? [] : parsed.error.issues.map(({ path }) => String(path[0])),
  )
  if (parsed.success && parsed.data.SCORING_MAX_WAIT_MS < parsed.data.SCORING_QUIET_MS) {
    wrong.add('SCORING_MAX_WAIT_MS')
  }
  if (!parsed.success || wrong.size > 0) {
    throw new ConfigError([...wrong].map((name) => complaint(name, given[name])))
  }
  const values = parsed.data
  return {
    host: values.HOST,
    port: values.PORT,
    publicUrl: values.PUBLIC_URL ?? null,
    dataDir: resolve(values.DATA_DIR),
    databaseUrl: values.DATABASE_URL ?? null,
    role: values.ROLE,
    adminToken: values.ADMIN_TOKEN ?? null,
    cronSecret: values.CRON_SECRET ?? null,
    metricsToken: values.METRICS_TOKEN ?? null,
    secretsKey: values.SECRETS_KEY ?? null,
    secretsKeyPrevious: values.SECRETS_KEY_PREVIOUS ?? null,
    allowedOrigins: values.ALLOWED_ORIGINS ?? [],
    trustedProxies: values.TRUSTED_PROXIES ?? [],
    openai: openaiConfig(values),
    llmConcurrency: values.LLM_CONCURRENCY,
    scoringHeldMax: values.SCORING_HELD_MAX,
    scoringQuietMs: values.SCORING_QUIET_MS,
    scoringMaxWaitMs: values.SCORING_MAX_WAIT_MS,
    retention: {
      scoreEvents: values.RETENTION_SCORE_EVENTS_DAYS,
      rejected: values.RETENTION_REJECTED_DAYS,
      payloads: values.RETENTION_PAYLOADS_DAYS,
      audit: values.RETENTION_AUDIT_DAYS,
      aiCalls: values.RETENTION_AI_CALLS_DAYS,
      leads: values.RETENTION_LEADS_DAYS || null,
    },
    traces: values.OTEL_EXPORTER_OTLP_ENDPOINT
      ? {
          endpoint: values.OTEL_EXPORTER_OTLP_ENDPOINT,
          ratio: values.OTEL_TRACES_SAMPLER_ARG,
        }
      : null,
    logLevel: values.LOG_LEVEL,
  }
}

function openaiConfig(values: z.output<typeof schema>): OpenAiConfig | null {
  if (!values.OPENAI_API_KEY) return null
  return {
    apiKey: values.OPENAI_API_KEY,
    baseUrl: values.OPENAI_BASE_URL ?? null,
    model: values.OPENAI_MODEL,
    successor: values.OPENAI_MODEL_SUCCESSOR,
    timeoutMs: values.OPENAI_TIMEOUT_MS,
  }
}

function complaint(name: string, value: string | undefined): string {
  const got = value === undefined ? 'its default' : JSON.stringify(value.slice(0, 80))
  const shown = name === 'DATABASE_URL' || secretNames.has(name) ? 'a value not shown here' : got
  return `${name}: got ${shown}, takes ${takes[name] ?? 'another value'}`
}
