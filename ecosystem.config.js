/** pm2: one process, restarted with backoff, given the time an ordered stop may take. */
export const apps = [
  {
    name: 'leadpulse',
    script: 'src/main.ts',
    // pm2's own table maps .ts to bun.
    interpreter: 'node',
    exec_mode: 'fork',
    instances: 1,
    // pm2's default of 1.6 s would kill the process in the middle of its 25 s stop.
    kill_timeout: 30_000,
    wait_ready: true,
    listen_timeout: 20_000,
    exp_backoff_restart_delay: 200,
    // The embedded database alone takes 470 MB, while it is created 680 MB (measured under pm2).
    max_memory_restart: '1500M',
  },
]
