/**
 * A server that speaks just enough of PostgreSQL's protocol to say that it is version 13: no
 * package ships one that old.
 */
import { createServer, type Server, type Socket } from 'node:net'

export function oldPostgres(): Promise<Server> {
  const server = createServer((socket) => {
    let started = false
    socket.on('error', () => {})
    socket.on('data', (data) => {
      if (!started) {
        started = true
        socket.write(Buffer.concat([frame('R', int32(0)), ready]))
      } else if (data[0] === 'Q'.charCodeAt(0)) answerVersion(socket)
      else socket.end()
    })
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

function answerVersion(socket: Socket): void {
  const value = Buffer.from('130012')
  const column = [text('server_version_num'), int32(0), int16(0), int32(25), int16(-1), int32(-1)]
  socket.write(
    Buffer.concat([
      frame('T', int16(1), ...column, int16(0)),
      frame('D', int16(1), int32(value.length), value),
      frame('C', text('SHOW')),
      ready,
    ]),
  )
}

const int16 = (n: number) => {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(n)
  return bytes
}
const int32 = (n: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(n)
  return bytes
}
const text = (value: string) => Buffer.from(`${value}\0`)
function frame(type: string, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body])
}
const ready = frame('Z', Buffer.from('I'))
