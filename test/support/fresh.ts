let made = 0;

/**
 * `name` with a number behind it that no other call in this process gets. What a test makes under a fixed name its
 * second attempt finds there, and fails whatever the first failed of.
 */
export function fresh(name: string): string {
  return `${name}-${++made}`;
}
