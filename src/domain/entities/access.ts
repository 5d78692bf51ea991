/** Who may do what, and who did: API tokens, feed tickets and the audit trail. */
import { defineEntity, p } from '@mikro-orm/core'
import { Workspace } from './workspace.ts'

export const roles = ['admin', 'member', 'viewer'] as const
export type Role = (typeof roles)[number]

const apiTokenSchema = defineEntity({
  name: 'ApiToken',
  tableName: 'api_token',
  indexes: [{ name: 'api_token_of_workspace', properties: ['workspace'] }],
  uniques: [{ name: 'api_token_by_hash', properties: ['tokenHash'] }],
  properties: {
    id: p.uuid().primary(),
    workspace: () => p.manyToOne(Workspace).deleteRule('cascade'),
    name: p.string().length(200),
    role: p.enum(roles).length(10),
    tokenHash: p.string().length(64),
    createdAt: p.datetime().defaultRaw('now()'),
    createdBy: p.text(),
  },
})
export class ApiToken extends apiTokenSchema.class {}
apiTokenSchema.setClass(ApiToken)

const feedTicketSchema = defineEntity({
  name: 'FeedTicket',
  tableName: 'feed_ticket',
  indexes: [{ name: 'feed_ticket_expiry', properties: ['expiresAt'] }],
  properties: {
    /** A row, not memory: the process that opens the socket may not be the one that was asked. */
    ticketHash: p.string().length(64).primary(),
    workspace: () => p.manyToOne(Workspace).deleteRule('cascade'),
    role: p.enum(roles).length(10),
    /** Token the ticket was made with, so that revoking it also ends its sockets. */
    principal: p.text(),
    expiresAt: p.datetime(),
  },
})
export class FeedTicket extends feedTicketSchema.class {}
feedTicketSchema.setClass(FeedTicket)

const auditEventSchema = defineEntity({
  name: 'AuditEvent',
  tableName: 'audit_event',
  indexes: [{ name: 'audit_event_by_time', properties: ['workspace', 'at'] }],
  properties: {
    id: p.uuid().primary(),
    workspace: () => p.manyToOne(Workspace).deleteRule('cascade'),
    /** `instance-admin` or `token:<id>`. */
    actor: p.text(),
    action: p.text(),
    targetId: p.text().nullable(),
    detail: p.json<unknown>().nullable(),
    at: p.datetime().defaultRaw('now()'),
  },
})
export class AuditEvent extends auditEventSchema.class {}
auditEventSchema.setClass(AuditEvent)
