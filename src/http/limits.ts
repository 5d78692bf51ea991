/**
 * What a stranger may take of the server: time and size of a request, and how often an address may
 * come with a token that is none. Given to `buildServer`, so that tests need not wait for them.
 */
import fastifyRateLimit, { normalizeIP } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Log } from '../log.ts'
import { Problem } from './problem.ts'

export interface ServerLimits {
  /** A request's line and headers must have arrived by then, counted from its first byte. */
  headersTimeoutMs: number
  /** A whole request, headers and body, must have arrived by then. */
  requestTimeoutMs: number
  /** How often connections are looked at for that; adds to both. */
  checkEveryMs: number
  /** Of the request's line and headers together. */
  headerBytesMax: number
  /** Of bodies, but for webhooks, whose limit is their provider's. */
  bodyBytesMax: number
  /** Failed attempts of one address in one process and window that are told apart from each other. */
  failedAttemptsMax: number
  failedAttemptsWindowMs: number
}

export const serverLimits: ServerLimits = {
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 15_000,
  checkEveryMs: 1000,
  headerBytesMax: 16 * 1024,
  bodyBytesMax: 256 * 1024,
  failedAttemptsMax: 30,
  failedAttemptsWindowMs: 60_000,
}

/** Addresses that are remembered: an attacker with more has to be stopped in front of the service. */
const ADDRESSES_MAX = 10_000

export interface FailedAttempts {
  /**
   * Counts a request whose credential was refused; answers the problem to throw: the one given, or
   * 429 for an address that keeps trying. Only refused ones are counted and only they get 429: a
   * provider's burst with a good token passes, whoever else tries from the same address.
   */
  refuse(request: FastifyRequest, problem: Problem): Promise<Problem>
}

export async function openFailedAttempts(
  app: FastifyInstance,
  log: Pick<Log, 'warn'>,
  limits: Pick<ServerLimits, 'failedAttemptsMax' | 'failedAttemptsWindowMs'> = serverLimits,
  onRefused: (limited: boolean) => void = () => {},
): Promise<FailedAttempts> {
  await app.register(fastifyRateLimit, { global: false, cache: ADDRESSES_MAX })
  const count = app.createRateLimit({
    max: limits.failedAttemptsMax,
    timeWindow: limits.failedAttemptsWindowMs,
    // Of an IPv6 subscriber's 2^64 addresses each is the same sender.
    keyGenerator: (request) => normalizeIP(request.ip),
  })
  return {
    async refuse(request, problem) {
      const counted = await count(request)
      if (counted.isAllowed) return problem
      const { isExceeded, remaining, ttlInSeconds, key } = counted
      onRefused(isExceeded)
      if (isExceeded) {
        return new Problem('too-many-requests', {
          detail: 'Too many attempts with a credential that is not valid',
          headers: { 'retry-after': String(ttlInSeconds) },
        })
      }
      // Once per address and window, for whoever bans addresses by the log.
      if (remaining === 0) log.warn({ address: key }, 'too many failed attempts')
      return problem
    },
  }
}
