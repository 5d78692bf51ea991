/** What ends a simulation: one line for a person, without a stack. */
export class SimulateError extends Error {
  override name = 'SimulateError'
}
