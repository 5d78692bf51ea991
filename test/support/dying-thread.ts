/** A thread that opens like the embedded database's, and ends as one that crashed at the first statement. */
import { parentPort } from 'node:worker_threads'

parentPort?.on('message', () => process.exit(1))
parentPort?.postMessage({ id: 0, rows: [], affected: 0 })
