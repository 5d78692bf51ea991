/**
 * A provider's API on a local port: answers what a test puts in, also too late, wrongly, or not at
 * all, and writes down what it was asked.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ProviderCall {
  method: string
  /** Path and query, as sent. */
  path: string
  headers: IncomingMessage['headers']
  body: string
}

export type ProviderAnswer = (response: ServerResponse, call: ProviderCall) => void

export interface FakeProvider {
  url: string
  calls: ProviderCall[]
  /** How the next calls are answered; the last one given stays. */
  answers(...answers: ProviderAnswer[]): void
  close(): Promise<void>
}

export const json =
  (body: unknown, status = 200): ProviderAnswer =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }

/**
 * For one call in tests: far above the stalls of a starved machine, where any other fault would look
 * like a provider that says nothing.
 */
export const ANSWER_LIMIT_MS = 3000

export const faults: Record<string, ProviderAnswer> = {
  'answered 500': (response) => response.writeHead(500).end('{"error":"boom"}'),
  'answered 401': (response) => response.writeHead(401).end('{"message":"bad key"}'),
  'answered 429': (response) => response.writeHead(429, { 'retry-after': '3600' }).end(),
  'answered 302': (response) => response.writeHead(302, { location: '/elsewhere' }).end(),
  'answered no JSON': (response) => response.writeHead(200).end('<!doctype html>'),
  'unknown shape': json({ surprise: true }),
  'did not answer in': () => undefined,
  'did not answer in (mid-body)': (response) => void response.writeHead(200).write('{"data":['),
  'connection failed': (response) => response.socket?.resetAndDestroy(),
  'connection failed (mid-body)': (response) => {
    response.writeHead(200, { 'content-length': '1000' })
    response.write('{"data":[', () => response.socket?.resetAndDestroy())
  },
  'answered too much': (response) => {
    response.writeHead(200)
    const chunk = 'x'.repeat(64 * 1024)
    const more = () => {
      while (!response.destroyed && response.write(chunk));
    }
    response.on('drain', more)
    more()
  },
}

export async function fakeProvider(): Promise<FakeProvider> {
  const calls: ProviderCall[] = []
  let queue: ProviderAnswer[] = [json({})]
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const call = {
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      }
      calls.push(call)
      const answer = queue.length > 1 ? queue.shift() : queue[0]
      answer?.(response, call)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    answers(...answers) {
      queue = answers
      calls.length = 0
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
