/**
 * pm2: one process, reloaded without a refused request, restarted with backoff, given the time an
 * ordered stop may take.
 *
 * With DATABASE_URL it runs in cluster mode: pm2 holds the port, and on `pm2 reload` the new process
 * serves before the old one leaves (`npm run chaos:pm2` proves it: no failed request, no SIGKILL).
 * The embedded database serves one process at a time, so there the new one can start only when the
 * old one has ended: fork mode, and for some seconds senders are refused and come again.
 */
export const apps = [
  {
    name: 'leadpulse',
    script: 'src/main.ts',
    // Elsewhere than here pm2 would look for it in the caller's directory.
    cwd: import.meta.dirname,
    // pm2's own table maps .ts to bun.
    interpreter: 'node',
    exec_mode: process.env.DATABASE_URL ? 'cluster' : 'fork',
    instances: 1,
    // One log file in either mode, not one more for each process of a cluster.
    merge_logs: true,
    // pm2's default of 1.6 s would kill the process in the middle of its 25 s stop.
    kill_timeout: 30_000,
    wait_ready: true,
    listen_timeout: 20_000,
    exp_backoff_restart_delay: 200,
    // The embedded database alone takes 470 MB, while it is created 680 MB (measured under pm2).
    max_memory_restart: '1500M',
  },
]
