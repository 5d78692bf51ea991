/** The closed list of sentiment tags a lead can carry, as shown to sales people. */
export const sentimentTags = [
  'New',
  'Meeting Requested',
  'Call Requested',
  'Information Requested',
  'Interested',
  'Follow Up',
  'Meeting Booked',
  'Neutral',
  'Not Interested',
  'Automated Reply',
  'Out of Office',
  'Blacklist',
  'Opt Out',
  'Bounced',
] as const
export type SentimentTag = (typeof sentimentTags)[number]
