/** Who is asking: the outcome of authentication, and what each role may do. */
import type { Role } from './entities/access.ts'

export interface Principal {
  workspaceId: string
  role: Role
  /** `instance-admin` or `token:<id>`; written into audit events and bound to feed sockets. */
  actor: string
  /** Manages workspaces; acts in the one named by X-Workspace-Id, else in the first. */
  instanceAdmin: boolean
}

const rank: Record<Role, number> = { viewer: 0, member: 1, admin: 2 }

/** True when `role` includes everything `needed` may do. */
export function allows(role: Role, needed: Role): boolean {
  return rank[role] >= rank[needed]
}
