// Imported first by every script here: says in one line which Node.js is needed, and stops.
const needed = [20, 19];
const parts = process.versions.node.split('.').map(Number);

if (parts[0] < needed[0] || (parts[0] === needed[0] && parts[1] < needed[1])) {
  console.error(
    'NautilusMQ needs Node.js ' + needed.join('.') + ' or newer; this is ' + process.version + '.',
  );
  process.exit(1);
}
