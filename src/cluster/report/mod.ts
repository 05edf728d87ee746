/**
 * cluster/report: what `cluster show` says of the cluster as one node sees it: the two columns that
 * VerneMQ's operators know, sentences for people, rows for machines, and what a check exits with.
 * Never finds anything out: facts come in, texts go out.
 *
 * ```
 *  View, who sees whom ──┐
 *  policies, start gate ─┼─▶ reportOf ─▶ table, sentences, matrix │ rows, exit code
 * ```
 *
 * The admin socket serves it as it is: `clusterView: () => cluster.report(clock.now())`.
 */
export { type ClusterReport, type MembershipNews, reportOf } from './report.js';
