# Plack::Session with its store for DBI: see ../README.md for what it reads and
# prints.
use strict;
use warnings;
use DBI;
use JSON::PP;
use Plack::Session::Store::DBI;

my $dsn = "DBI:mysql:database=$ENV{DSM_DB};host=$ENV{DSM_HOST};port=$ENV{DSM_PORT}";
my $json = JSON::PP->new->utf8->ascii->allow_nonref;
my $dbh;
my $store = Plack::Session::Store::DBI->new(
    get_dbh => sub {
        $dbh ||= DBI->connect($dsn, @ENV{qw(DSM_USER DSM_PASSWORD)}, { RaiseError => 1, PrintError => 0, mysql_auto_reconnect => 1 });
    },
);
$| = 1;

sub found {
    my $s = $store->fetch(shift);
    return $s && $s->{data} ? $json->decode($s->{data}) : undef;
}

sub keep {
    my ($id, $data) = @_;
    $store->store($id, { data => $json->encode($data) });
    return { id => $id, data => $data };
}

my %ops = (
    setup => sub {
        $store->get_dbh->()->do('CREATE TABLE sessions (id CHAR(72) PRIMARY KEY, session_data TEXT)');
        return {};
    },
    create => sub { keep(@{ $_[0] }{qw(id data)}) },
    write  => sub { keep(@{ $_[0] }{qw(id data)}) },
    read   => sub { +{ data => found(shift->{id}) } },
    incr   => sub {
        my $id = shift->{id};
        my $data = found($id) or die "the session is gone\n";
        $data->{n}++;
        return keep($id, $data);
    },
    # As its middleware does for change_id.
    regenerate => sub {
        my $q = shift;
        my $data = found($q->{id}) or die "the session is gone\n";
        $store->remove($q->{id});
        return keep($q->{to}, $data);
    },
    destroy => sub { $store->remove(shift->{id}); +{} },
);

while (my $line = <STDIN>) {
    my $q = $json->decode($line);
    my $answer = eval { $ops{ $q->{op} }->($q) } || { error => "$@" };
    print $json->encode($answer), "\n";
}
