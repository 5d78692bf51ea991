/**
 * One outbound HTTP call with JSON both ways: a hard time limit over the whole exchange, a bounded
 * reply, no redirects, and only to public addresses. Every failure is an OutsideError whose message
 * holds the host at most: paths and queries of providers carry keys and people's addresses.
 */
import { type LookupAddress, type LookupOptions, lookup } from 'node:dns'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { OutsideError } from '../domain/post-process/outside.ts'
import { isPublicAddress } from '../domain/public-address.ts'

export interface OutboundOptions {
  /** From the first byte sent to the last one read. */
  timeoutMs: number
  /** For tests and for providers inside one's own network: also calls private addresses. */
  allowsPrivate?: boolean
}

export interface OutboundCall {
  method?: 'GET' | 'POST'
  url: URL
  headers?: Record<string, string>
  /** Sent as JSON. */
  body?: unknown
}

export interface Outbound {
  /** The parsed JSON of a 2xx reply; undefined when its body is empty or no JSON was asked for. */
  json(call: OutboundCall, signal: AbortSignal): Promise<unknown>
  /** Resolves with any 2xx reply, whatever it says. */
  post(call: OutboundCall, signal: AbortSignal): Promise<void>
}

/** A hundred mails with their HTML; more is not an answer to what was asked. */
const REPLY_BYTES_MAX = 4 * 1024 * 1024

export function outbound(options: OutboundOptions): Outbound {
  const exchange = async (call: OutboundCall, signal: AbortSignal): Promise<string> => {
    const { host } = call.url
    if (!options.allowsPrivate && isInnerLiteral(call.url)) throw refusedAddress(host)
    const limit = AbortSignal.timeout(options.timeoutMs)
    try {
      const reply = await send(call, AbortSignal.any([signal, limit]), options)
      const status = reply.statusCode ?? 0
      if (status < 200 || status > 299) {
        reply.destroy()
        throw new OutsideError(`${host} answered ${status}`)
      }
      return await readText(reply, host)
    } catch (error) {
      if (error instanceof OutsideError) throw error
      if (limit.aborted && !signal.aborted) {
        throw new OutsideError(`${host} did not answer in ${options.timeoutMs} ms`)
      }
      throw new OutsideError(`${host}: connection failed${codeSuffix(error)}`)
    }
  }
  return {
    async json(call, signal) {
      const text = await exchange(call, signal)
      try {
        return JSON.parse(text)
      } catch {
        throw new OutsideError(`${call.url.host} answered no JSON`)
      }
    },
    async post(call, signal) {
      await exchange({ ...call, method: 'POST' }, signal)
    },
  }
}

function send(
  { method = 'GET', url, headers, body }: OutboundCall,
  signal: AbortSignal,
  { allowsPrivate }: OutboundOptions,
): Promise<IncomingMessage> {
  const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
  const start = url.protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const request = start(
      url,
      {
        method,
        signal,
        headers: {
          accept: 'application/json',
          'user-agent': 'leadpulse',
          ...(payload && {
            'content-type': 'application/json',
            'content-length': String(payload.length),
          }),
          ...headers,
        },
        // Asked at connect time, so that a name cannot change its mind after a check.
        ...(!allowsPrivate && { lookup: publicLookup }),
      },
      resolve,
    )
    request.on('error', reject)
    request.end(payload)
  })
}

async function readText(reply: IncomingMessage, host: string): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of reply) {
    bytes += (chunk as Buffer).byteLength
    if (bytes > REPLY_BYTES_MAX) throw new OutsideError(`${host} answered too much`)
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** A literal address is never looked up. */
function isInnerLiteral({ hostname }: URL): boolean {
  const host = hostname.replace(/^\[|\]$/g, '')
  return isIP(host) !== 0 && !isPublicAddress(host)
}

const publicLookup: LookupFunction = (hostname, options: LookupOptions, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error) {
      callback(error, '', 0)
      return
    }
    const first = addresses[0]
    if (!first || addresses.some(({ address }) => !isPublicAddress(address))) {
      callback(refusedAddress(hostname), '', 0)
      return
    }
    if (options.all) callback(null, addresses)
    else callback(null, first.address, first.family)
  })
}

function refusedAddress(host: string): OutsideError {
  return new OutsideError(`${host} is not a public address`)
}

function codeSuffix(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  return code ? ` (${code})` : ''
}
